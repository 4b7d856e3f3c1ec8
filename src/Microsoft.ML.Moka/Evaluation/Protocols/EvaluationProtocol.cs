using System.Globalization;

namespace Microsoft.ML.Moka;

/// <summary>
/// How an answer is got out of a model: <see cref="LikelihoodProtocol"/>, <see cref="ChoiceLikelihoodProtocol"/> or <see cref="GenerationProtocol"/>.
/// Accuracies of different protocols are different things, so a report names the one that it used.
/// </summary>
public abstract class EvaluationProtocol
{
    private protected EvaluationProtocol()
    {
    }

    /// <summary>The protocol in a few words, for reports.</summary>
    public abstract string Name { get; }

    /// <summary>What is done, in a sentence for those who read the accuracies.</summary>
    internal abstract string Explanation { get; }

    /// <summary>What moves answers and is in no other setting.</summary>
    internal virtual IEnumerable<KeyValuePair<string, string>> Parameters => [];

    /// <summary>The name.</summary>
    /// <returns>The name.</returns>
    public override string ToString() => Name;
}

/// <summary>
/// The answer is the likeliest of the row's answer words ("answer1", "answer2" …) after the prompt.
/// </summary>
public sealed class LikelihoodProtocol : EvaluationProtocol
{
    /// <inheritdoc/>
    public override string Name => "likelihood of answer words";

    /// <summary>How a row becomes a prompt. Default: as the model was trained; for a backbone <see cref="PromptTemplate.Alpaca"/>.</summary>
    public PromptTemplate? PromptTemplate { get; init; }

    internal override string Explanation =>
        "The answer is the answer word with the largest sum of its tokens' log-likelihoods after the prompt; lengths are not made up for.";
}

/// <summary>
/// The answer is the likeliest of the choices' own texts, as lm-evaluation-harness defines it: accuracy by the sum of a choice's log-likelihoods, normalized
/// accuracy by that sum divided by the choice's number of characters. The choices of WinoGrande are put in the blank, and what follows it is scored.
/// </summary>
public sealed class ChoiceLikelihoodProtocol : EvaluationProtocol
{
    /// <inheritdoc/>
    public override string Name => "likelihood of choice texts";

    internal override string Explanation =>
        "The answer is the choice whose own text has the largest sum of log-likelihoods (acc), or the largest sum divided by its characters (acc_norm); " +
        "prompts and choices as lm-evaluation-harness has them.";
}

/// <summary>
/// The model writes, and the first of the task's answer words in what it wrote is its answer, by LLM-Adapters' rules; without one it has not answered, and that
/// is wrong.
/// </summary>
public sealed class GenerationProtocol : EvaluationProtocol
{
    /// <inheritdoc/>
    public override string Name => Beams == 1
        ? FormattableString.Invariant($"generation (greedy, {MaximumNewTokens} new tokens)")
        : FormattableString.Invariant($"generation ({Beams} beams, {MaximumNewTokens} new tokens)");

    /// <summary>How many texts are followed at a time, from 1 to 64; LLM-Adapters uses 4. Default 1, which takes the likeliest token each time.</summary>
    public int Beams { get; init; } = 1;

    /// <summary>The most tokens that the model writes, at least 1. Default 32, as LLM-Adapters has it.</summary>
    public int MaximumNewTokens { get; init; } = 32;

    /// <summary>
    /// How a row becomes a prompt. Default: <see cref="PromptTemplate.AlpacaEvaluation"/>, byte for byte what LLM-Adapters evaluates with; its training
    /// prompt, <see cref="PromptTemplate.Alpaca"/>, has other blanks.
    /// </summary>
    public PromptTemplate PromptTemplate { get; init; } = PromptTemplate.AlpacaEvaluation;

    internal override string Explanation =>
        "The model writes, and the first of the task's answer words in what it wrote is its answer; without one it has not answered, and that is wrong.";

    internal override IEnumerable<KeyValuePair<string, string>> Parameters =>
    [
        new("beams", Beams.ToString(CultureInfo.InvariantCulture)), new("new tokens", MaximumNewTokens.ToString(CultureInfo.InvariantCulture)),
    ];
}
