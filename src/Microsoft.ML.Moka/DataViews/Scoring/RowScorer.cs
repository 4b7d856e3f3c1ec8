using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.DataViews.Scoring;

/// <summary>What a row scored.</summary>
/// <param name="Scores">
/// The probability of each label: by words, 0 for those that are no candidates of the row, and NaN where none of its candidates is one of the words. Of a
/// regression, the value.
/// </param>
/// <param name="PromptIsCut">Whether the prompt was too long and lost its beginning.</param>
/// <param name="HasUnknownCandidates">Whether it has candidates that are no answer words of the model.</param>
internal sealed record ScoredRow(float[] Scores, bool PromptIsCut, bool HasUnknownCandidates)
{
    // The array and the object around it.
    public long Bytes => 64 + sizeof(float) * (long)Scores.Length;
}

/// <summary>Gives rows of text scores.</summary>
internal abstract class RowScorer(TunedBackbone weights)
{
    protected TunedBackbone Weights { get; } = weights;

    /// <summary>By the model's head where it has one, else by the likelihood of the labels' words.</summary>
    /// <param name="weights">The model.</param>
    /// <param name="encoder">Makes tokens of rows.</param>
    /// <param name="words">The labels.</param>
    /// <param name="form">What becomes of the labels' log-likelihoods, or of the head's outputs.</param>
    public static RowScorer Of(TunedBackbone weights, RowEncoder encoder, IReadOnlyList<string> words, ScoreForm form) =>
        weights.Adapters.Head is null ? new WordScorer(weights, encoder, words, form) : new HeadRowScorer(weights, encoder, form);

    /// <summary>Ends scoring with an <see cref="OperationCanceledException"/>.</summary>
    public CancellationToken Cancellation { get; set; }

    /// <summary>The scores of rows, those that are kept and those that are computed now.</summary>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public IReadOnlyList<ScoredRow> Score(IReadOnlyList<PositionedRow> rows, RowMemory memory)
    {
        using var usage = Weights.Use();
        return memory.Recall(rows, Weights.Shared.Precision.ToString() ?? "", Score, row => row.Bytes);
    }

    /// <summary>Computes the scores of rows, of a model that is in use.</summary>
    protected abstract ScoredRow[] Score(IReadOnlyList<PositionedRow> rows);
}
