using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.DataViews.Scoring;

/// <summary>Scores rows by the model's head: the softmax of its outputs, one for each label.</summary>
internal sealed class HeadRowScorer(TunedBackbone weights, RowEncoder encoder) : RowScorer
{
    private readonly HeadScorer _scorer = new(weights.Backbone, weights.Adapters);

    public override int Width => weights.Adapters.Head!.Rule.Outputs;

    public override ScoringNotes Score(IReadOnlyList<PositionedRow> rows, Span<float> scores)
    {
        using var usage = weights.Use();
        var prompts = rows.Select(row => encoder.ForReading(row.Prompt)).ToList();
        var next = 0;
        foreach (var outputs in _scorer.Score([.. prompts.Select(prompt => prompt.Prompt)]))
            foreach (var probability in SoftMax(Array.ConvertAll(outputs, output => (double)output)))
                scores[next++] = (float)probability;
        return new ScoringNotes(prompts.Count(prompt => prompt.IsCut), 0);
    }
}
