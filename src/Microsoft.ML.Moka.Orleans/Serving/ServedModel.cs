using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Models;

namespace Microsoft.ML.Moka.Orleans.Serving;

/// <summary>A loaded model that tells the labels of texts, alone or in batches with others over its backbone.</summary>
internal sealed class ServedModel : IDisposable
{
    private readonly ITransformer _loaded;
    private readonly LabelPredictor _predictor;
    private readonly MokaTransformer? _sharing;

    /// <exception cref="InvalidDataException">It is no model that tells the labels of a text.</exception>
    public ServedModel(MLContext context, Stream file)
    {
        _loaded = context.Model.Load(file, out _);
        try
        {
            _predictor = LabelPredictor.Of(_loaded);
            _sharing = _predictor.Sharing;
        }
        catch (ArgumentException e)
        {
            Dispose();
            throw new InvalidDataException(e.Message, e);
        }
    }

    /// <summary>Whether texts of both may be in one batch.</summary>
    public bool GoesWith(ServedModel other) =>
        ReferenceEquals(this, other) || (_sharing, other._sharing) is ({ } own, { } others) && own.Weights.Shared.IsSameAs(others.Weights.Shared);

    /// <summary>The labels of texts of models that go together.</summary>
    public static IReadOnlyList<LabelPrediction> Predict(IReadOnlyList<(ServedModel Model, string Text)> texts)
    {
        var first = texts[0].Model;
        return first._sharing is null
            ? [.. first._predictor.Predict([.. texts.Select(one => one.Text)])]
            : MokaTransformer.PredictTogether([.. texts.Select(one => new LabelRequest(one.Model._sharing!, one.Text))]);
    }

    public void Dispose() => (_loaded as IDisposable)?.Dispose();
}
