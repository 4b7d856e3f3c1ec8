using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.DataViews.Scoring;

/// <summary>Gives rows the vectors of their texts.</summary>
internal sealed class EmbeddingScorer(TunedBackbone weights, RowEncoder encoder) : RowScorer(weights)
{
    private readonly TextStates _states = new(weights.Backbone, weights.Adapters);

    /// <summary>How many numbers a vector has.</summary>
    public int Width => Weights.Backbone.Config.HiddenSize;

    protected override ScoredRow[] Score(IReadOnlyList<PositionedRow> rows)
    {
        var texts = rows.Select(row => encoder.ForReading(row.Prompt)).ToList();
        var vectors = _states.Mean([.. texts.Select(text => text.Prompt)]);
        return [.. vectors.Zip(texts, (vector, text) => new ScoredRow(vector, text.IsCut, false))];
    }
}
