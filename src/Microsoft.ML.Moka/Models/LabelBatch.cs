using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.DataViews.Scoring;

namespace Microsoft.ML.Moka.Models;

/// <summary>Labels of several models over one backbone.</summary>
internal static class LabelBatch
{
    public static IReadOnlyList<LabelPrediction> Predict(IReadOnlyList<LabelRequest> requests, CancellationToken cancellation)
    {
        foreach (var request in requests)
        {
            ArgumentNullException.ThrowIfNull(request, nameof(requests));
            ArgumentNullException.ThrowIfNull(request.Model, nameof(requests));
            ArgumentNullException.ThrowIfNull(request.Text, nameof(requests));
        }
        using var uses = new SharedUse(requests.Select(request => request.Model), nameof(requests));
        var rows = new PositionedRow[requests.Count];
        foreach (var model in requests.Index().GroupBy(request => request.Item.Model))
            foreach (var (request, row) in model.Zip(model.Key.RowsOf([.. model.Select(request => request.Item.Text)])))
                rows[request.Index] = row;
        var predictions = new LabelPrediction[requests.Count];
        // What is alike goes through the backbone together: heads read other hidden states than words do.
        foreach (var batch in requests.Index().GroupBy(request => (request.Item.Model.Head, request.Item.Model.Precision)))
        {
            var members = batch.ToList();
            var backbone = members[0].Item.Model.Weights.Backbone;
            var scored = batch.Key.Head == MokaHead.Words
                ? WordScorer.Score(backbone, [.. members.Select(one => ((WordScorer)one.Item.Model.Scorer, rows[one.Index]))], cancellation)
                : HeadRowScorer.Score(backbone, [.. members.Select(one => ((HeadRowScorer)one.Item.Model.Scorer, rows[one.Index]))], cancellation);
            foreach (var (one, row) in members.Zip(scored))
                predictions[one.Index] = one.Item.Model.LabelProbabilities.Named(row.Scores);
            foreach (var model in members.Zip(scored).GroupBy(pair => pair.First.Item.Model))
                model.Key.Warn(model.Count(pair => pair.Second.PromptIsCut), model.Count(pair => rows[pair.First.Index].Prompt.IsBlank));
        }
        return predictions;
    }
}
