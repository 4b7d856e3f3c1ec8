namespace Microsoft.ML.Moka.Evaluation.Benchmarks;

/// <summary>
/// How lm-evaluation-harness puts the questions of a task, and how it scores the choices (its lm_eval/tasks: doc_to_text and doc_to_choice of boolq, piqa,
/// social_iqa, …).
/// </summary>
/// <param name="Prompt">What stands before a choice.</param>
internal sealed record HarnessForm(Func<ChoiceQuestion, string> Prompt)
{
    /// <summary>The choices' texts, where they are not the question's own.</summary>
    public Func<ChoiceQuestion, IReadOnlyList<string>> Choices { get; init; } = question => question.Choices;

    /// <summary>Whether there is an accuracy by the choices' log-likelihoods over their lengths (acc_norm).</summary>
    public bool HasNormalized { get; init; } = true;

    /// <summary>Whether a choice goes into the blank "_" of the prompt, and what follows the blank is scored; else the choice itself is.</summary>
    public bool FillsBlank { get; init; }

    public static string Question(ChoiceQuestion question) => $"Question: {question.Question}\nAnswer:";

    public static string Bare(ChoiceQuestion question) => question.Question;
}
