using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.DataViews.Scoring;

/// <summary>Scores rows by the model's head: the softmax of its outputs, one for each label.</summary>
internal sealed class HeadRowScorer(TunedBackbone weights, RowEncoder encoder) : RowScorer(weights)
{
    private readonly HeadScorer _scorer = new(weights.Backbone, weights.Adapters);

    public override int Width => Weights.Adapters.Head!.Rule.Outputs;

    protected override ScoredRow[] Score(IReadOnlyList<PositionedRow> rows)
    {
        var prompts = rows.Select(row => encoder.ForReading(row.Prompt)).ToList();
        var outputs = _scorer.Score([.. prompts.Select(prompt => prompt.Prompt)], Cancellation);
        return [.. outputs.Zip(prompts, (row, prompt) => new ScoredRow(
            Array.ConvertAll(SoftMax(Array.ConvertAll(row, output => (double)output)), probability => (float)probability), prompt.IsCut, false))];
    }
}
