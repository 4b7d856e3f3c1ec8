using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.DataViews.Scoring;

/// <summary>Scores rows by the outputs of the model's head, one for each label.</summary>
internal sealed class HeadRowScorer(TunedBackbone weights, RowEncoder encoder, ScoreForm form) : RowScorer(weights)
{
    private readonly HeadScorer _scorer = new(weights.Backbone, weights.Adapters);

    /// <summary>
    /// The scores of rows of several models over one backbone, all of which are in use and have heads that read the same hidden states: those that each model
    /// gives by itself.
    /// </summary>
    public static ScoredRow[] Score(LlamaBackbone backbone, IReadOnlyList<(HeadRowScorer Model, PositionedRow Row)> rows, CancellationToken cancellation) =>
        Score(new HeadScorer(backbone, i => rows[i].Model.Weights.Adapters), rows, cancellation);

    protected override ScoredRow[] Score(IReadOnlyList<PositionedRow> rows) => Score(_scorer, [.. rows.Select(row => (this, row))], Cancellation);

    private static ScoredRow[] Score(HeadScorer scorer, IReadOnlyList<(HeadRowScorer Model, PositionedRow Row)> rows, CancellationToken cancellation)
    {
        var prompts = rows.Select(row => row.Model.Encode(row.Row)).ToList();
        var outputs = scorer.Score([.. prompts.Select(prompt => prompt.Prompt)], cancellation);
        return [.. rows.Select((row, i) => row.Model.Finish(outputs[i], prompts[i].IsCut))];
    }

    private (int[] Prompt, bool IsCut) Encode(PositionedRow row) => encoder.ForReading(row.Prompt);

    private ScoredRow Finish(float[] outputs, bool isCut) =>
        new(Array.ConvertAll(form(Array.ConvertAll(outputs, output => (double)output)), score => (float)score), isCut, false);
}
