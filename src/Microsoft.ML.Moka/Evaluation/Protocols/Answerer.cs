using Microsoft.ML.Moka.Evaluation.Benchmarks;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Evaluation.Protocols;

/// <summary>Answers questions by a protocol: makes tokens of them, and answers of what is computed of the tokens.</summary>
internal abstract class Answerer
{
    /// <summary>How rows become prompts; null where lm-evaluation-harness says it task by task.</summary>
    public virtual PromptTemplate? Template => null;

    /// <summary>What is computed of the tokens.</summary>
    public virtual BatchSettings Settings => BatchSettings.Likelihoods;

    /// <summary>How many tokens the model writes for a question.</summary>
    public long NewTokens => (long)Settings.NewTokens * Settings.Beams;

    public static Answerer Create(EvaluationProtocol protocol, EvaluatedModel model, int maxTokens) => protocol switch
    {
        LikelihoodProtocol likelihood => new WordAnswerer(model, likelihood.PromptTemplate ?? model.Template, maxTokens),
        ChoiceLikelihoodProtocol => new ChoiceAnswerer(model, maxTokens),
        GenerationProtocol generation => new GenerationAnswerer(model, generation, maxTokens),
        _ => throw new ArgumentException($"There is no protocol '{protocol.Name}'.", nameof(protocol)),
    };

    /// <summary>The questions of a file in the form that the protocol needs.</summary>
    public abstract IEnumerable<Question> Read(BenchmarkSource source);

    public abstract EncodedQuestion Encode(Question question);

    public abstract BenchmarkAnswer Answer(EncodedQuestion encoded, ComputedAnswer computed);

    private protected static IEnumerable<Question> ReadInstructions(BenchmarkSource source) => source.ReadInstructions().Select(row =>
        new Question(
            new PromptRow(null, row.Candidates, row.Instruction, row.Input), row.Candidates.IndexOf(row.Label), source.Task, source.InstructionOpening));

    /// <summary>The place of the largest; of equals the first, as NumPy's argmax has it.</summary>
    private protected static int Best(IReadOnlyList<double> scores)
    {
        if (!scores.All(double.IsFinite))
            throw new InvalidOperationException(
                "A log-likelihood is not finite: the backbone or its adapters hold values that are no numbers, or too large ones.");
        var best = 0;
        for (var i = 1; i < scores.Count; i++)
            if (scores[i] > scores[best])
                best = i;
        return best;
    }
}
