using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.DataViews.Scoring;

/// <summary>Gives rows the value of a head with one output, on the scale of the labels that it was trained on.</summary>
internal sealed class ValueScorer(TunedBackbone weights, RowEncoder encoder) : RowScorer(weights)
{
    private readonly HeadScorer _scorer = new(weights.Backbone, weights.Adapters);

    protected override ScoredRow[] Score(IReadOnlyList<PositionedRow> rows)
    {
        var scale = Weights.Adapters.Head!.Rule.Targets;
        var prompts = rows.Select(row => encoder.ForReading(row.Prompt)).ToList();
        var outputs = _scorer.Score([.. prompts.Select(prompt => prompt.Prompt)]);
        return [.. outputs.Zip(prompts, (row, prompt) => new ScoredRow([scale.ValueOf(row[0])], prompt.IsCut, false))];
    }
}
