using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Models;

/// <summary>The losses of plain texts with an adapter and without.</summary>
internal static class ForgettingMeasurement
{
    private const int TokensOfBatch = 1024;

    /// <param name="weights">The model's weights.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="texts">The texts.</param>
    /// <param name="maximumTokens">Longer texts are cut into pieces of so many tokens.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="ArgumentException">The texts have nothing to predict.</exception>
    public static Forgetting Of(
        TunedBackbone weights, BackboneTokenizer tokenizer, IEnumerable<string> texts, int maximumTokens, CancellationToken cancellation)
    {
        using var usage = weights.Use();
        var pieces = GivenTexts.Of(texts, nameof(texts)).SelectMany(text => tokenizer.Encode(text, addBeginOfSequence: true).Chunk(Math.Max(2, maximumTokens)))
            .Where(ids => ids.Length > 1).Select(ids => new TrainingExample(ids, 1)).ToList();
        if (pieces.Count == 0)
            throw new ArgumentException("The texts have no two tokens together, so that nothing can be predicted: give some sentences.", nameof(texts));
        var (before, after) = (new TrainedModel(weights.Backbone, null), new TrainedModel(weights.Backbone, weights.Adapters));
        var (tokens, lossBefore, lossAfter) = (0, 0.0, 0.0);
        foreach (var batch in Batches(pieces))
        {
            tokens += batch.Sum(piece => piece.Ids.Length - 1);
            lossBefore += before.SumOfTokenLosses(batch, cancellation);
            lossAfter += after.SumOfTokenLosses(batch, cancellation);
        }
        return new Forgetting(tokens, lossBefore / tokens, lossAfter / tokens);
    }

    private static IEnumerable<List<TrainingExample>> Batches(List<TrainingExample> pieces)
    {
        var batch = new List<TrainingExample>();
        foreach (var piece in pieces)
        {
            if (batch.Count > 0 && batch.Sum(other => other.Ids.Length) + piece.Ids.Length > TokensOfBatch)
            {
                yield return batch;
                batch = [];
            }
            batch.Add(piece);
        }
        yield return batch;
    }
}
