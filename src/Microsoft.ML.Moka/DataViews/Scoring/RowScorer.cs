using System.Numerics.Tensors;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.DataViews.Scoring;

/// <summary>What was noticed about rows while they were scored.</summary>
/// <param name="CutPrompts">Prompts that were too long and lost their beginning.</param>
/// <param name="RowsWithUnknownCandidates">Rows with candidates that are no answer words of the model.</param>
internal readonly record struct ScoringNotes(int CutPrompts, int RowsWithUnknownCandidates);

/// <summary>Gives rows of text scores.</summary>
internal abstract class RowScorer
{
    /// <summary>A probability for each label: by the model's head where it has one, else by the likelihood of the labels' words.</summary>
    public static RowScorer Of(TunedBackbone weights, RowEncoder encoder, IReadOnlyList<string> labels) =>
        weights.Adapters.Head is null ? new WordScorer(weights, encoder, labels) : new HeadRowScorer(weights, encoder);

    /// <summary>How many scores a row has.</summary>
    public abstract int Width { get; }

    /// <summary>The scores, row by row.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="scores">Rows × scores.</param>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public abstract ScoringNotes Score(IReadOnlyList<PositionedRow> rows, Span<float> scores);

    protected static double[] SoftMax(ReadOnlySpan<double> scores)
    {
        // Of long answers even the likeliest is too unlikely for exp.
        var probabilities = new double[scores.Length];
        TensorPrimitives.Subtract(scores, TensorPrimitives.Max(scores), probabilities);
        TensorPrimitives.SoftMax<double>(probabilities, probabilities);
        return probabilities;
    }
}
