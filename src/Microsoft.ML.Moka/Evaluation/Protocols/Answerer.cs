using Microsoft.ML.Moka.Evaluation.Benchmarks;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Evaluation.Protocols;

/// <summary>Answers questions by a protocol, a batch at a time.</summary>
internal abstract class Answerer
{
    /// <summary>How rows become prompts; null where lm-evaluation-harness says it task by task.</summary>
    public virtual PromptTemplate? Template => null;

    /// <summary>How many tokens the model writes for a question.</summary>
    public virtual long NewTokens => 0;

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

    /// <summary>The answers in the order of the questions.</summary>
    /// <param name="questions">The questions of one batch.</param>
    /// <param name="tokens">How many tokens went through the backbone.</param>
    /// <param name="cancellation">Ends the work early.</param>
    public abstract BenchmarkAnswer[] Answer(IReadOnlyList<EncodedQuestion> questions, out long tokens, CancellationToken cancellation);

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
