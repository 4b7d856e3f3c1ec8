using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.DataViews.Scoring;

/// <summary>Scores rows by the outputs of the model's head, one for each label.</summary>
internal sealed class HeadRowScorer(TunedBackbone weights, RowEncoder encoder, ScoreForm form) : RowScorer(weights)
{
    private readonly HeadScorer _scorer = new(weights.Backbone, weights.Adapters);

    protected override ScoredRow[] Score(IReadOnlyList<PositionedRow> rows)
    {
        var prompts = rows.Select(row => encoder.ForReading(row.Prompt)).ToList();
        var outputs = _scorer.Score([.. prompts.Select(prompt => prompt.Prompt)], Cancellation);
        return [.. outputs.Zip(prompts, (row, prompt) => new ScoredRow(
            Array.ConvertAll(form(Array.ConvertAll(row, output => (double)output)), score => (float)score), prompt.IsCut, false))];
    }
}
