using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.DataViews.Scoring;

/// <summary>Gives rows the value of a head with one output, on the scale of the labels that it was trained on.</summary>
internal sealed class ValueScorer(TunedBackbone weights, RowEncoder encoder) : RowScorer
{
    private readonly HeadScorer _scorer = new(weights.Backbone, weights.Adapters);

    public override int Width => 1;

    public override ScoringNotes Score(IReadOnlyList<PositionedRow> rows, Span<float> scores)
    {
        using var usage = weights.Use();
        var scale = weights.Adapters.Head!.Rule.Targets;
        var prompts = rows.Select(row => encoder.ForReading(row.Prompt)).ToList();
        var next = 0;
        foreach (var outputs in _scorer.Score([.. prompts.Select(prompt => prompt.Prompt)]))
            scores[next++] = scale.ValueOf(outputs[0]);
        return new ScoringNotes(prompts.Count(prompt => prompt.IsCut), 0);
    }
}
