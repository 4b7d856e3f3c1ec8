using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;

namespace Microsoft.ML.Moka.Evaluation.Protocols;

/// <summary>What is computed of a question's tokens: their likelihoods, or a text that goes on from them.</summary>
/// <param name="NewTokens">The most tokens of the text; 0 for likelihoods.</param>
/// <param name="Beams">How many texts are followed at a time; 1 takes the likeliest token each time.</param>
/// <param name="StopTokens">What a text ends with.</param>
internal sealed record BatchSettings(int NewTokens, int Beams, int[] StopTokens)
{
    public static BatchSettings Likelihoods { get; } = new(0, 1, []);
}

/// <summary>What was computed of a question: one of the two.</summary>
/// <param name="Scores">The log-likelihood of each sequence.</param>
/// <param name="Text">The tokens that were written.</param>
internal readonly record struct ComputedAnswer(double[]? Scores, int[]? Text);

/// <summary>What was computed of a batch.</summary>
/// <param name="Answers">Of each question.</param>
/// <param name="Tokens">How many tokens went through the backbone.</param>
internal sealed record ComputedBatch(IReadOnlyList<ComputedAnswer> Answers, long Tokens)
{
    public static ComputedBatch Empty { get; } = new([], 0);
}

/// <summary>
/// The part of an evaluation that takes the time: tokens in, likelihoods or tokens out. It knows nothing of texts, so that any worker can do it.
/// </summary>
internal sealed class BatchComputer(LlamaBackbone backbone, AdapterSet? adapters, BatchSettings settings)
{
    private readonly LikelihoodScorer _scorer = new(backbone, adapters);

    /// <param name="questions">The questions of one batch; of those that are written for, the first sequence is the prompt.</param>
    /// <param name="cancellation">Ends the work early.</param>
    public ComputedBatch Run(IReadOnlyList<SequenceSet> questions, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (settings.NewTokens == 0)
        {
            var scores = _scorer.ScoreBatch(questions, out var computed, cancellation);
            return new ComputedBatch([.. scores.Select(score => new ComputedAnswer(score, null))], computed);
        }
        OpenedPrompt[] prompts = [.. questions.Select(question => new OpenedPrompt(question.Sequences[0].Ids, question.Opening))];
        var options = new GenerationOptions { MaxNewTokens = settings.NewTokens, StopTokens = settings.StopTokens };
        var texts = settings.Beams == 1
            ? new Generator(backbone, adapters).Generate(prompts, options, out var tokens, cancellation: cancellation)
            : new BeamSearch(backbone, adapters, settings.Beams).Generate(prompts, options.MaxNewTokens, options.StopTokens, out tokens, cancellation);
        return new ComputedBatch([.. texts.Select(text => new ComputedAnswer(null, text))], tokens);
    }
}
