using Microsoft.ML.Data;
using Microsoft.ML.Moka.DataViews.Rows;

namespace Microsoft.ML.Moka.Models;

/// <summary>The part of a model or chain that gives labels their probabilities, for rows that have no label.</summary>
internal sealed class LabelPredictor
{
    private readonly LabelProbabilities _source;
    private readonly IReadOnlyList<ITransformer> _steps;

    private LabelPredictor(LabelProbabilities source, IReadOnlyList<ITransformer> steps) => (_source, _steps) = (source, steps);

    /// <exception cref="ArgumentException">Nothing of Moka's in it tells labels.</exception>
    public static LabelPredictor Of(ITransformer model)
    {
        List<ITransformer> steps = [.. UnlabelledSteps.In(model)];
        var place = steps.FindLastIndex(step => step is MokaModel { LabelProbabilities: not null });
        return place < 0
            ? throw new ArgumentException(
                "The model has no part of Moka's that tells labels: it may be a regression, or a model that writes text.", nameof(model))
            : new LabelPredictor(((MokaModel)steps[place]).LabelProbabilities!, steps.GetRange(0, place + 1));
    }

    /// <inheritdoc cref="LabelProbabilities.TextColumn"/>
    public string TextColumn => _source.TextColumn;

    /// <summary>
    /// The model that alone makes labels of a text, where it can be asked beside others over its backbone; else null: other steps change the text, it is
    /// another kind of model, or its adapter changes more than linear maps.
    /// </summary>
    public MokaTransformer? Sharing =>
        UnlabelledSteps.For(new TextRows(TextColumn, []).Schema, _steps) is [MokaTransformer { Weights.Adapters.ChangesMapsAlone: true } model]
            ? model : null;

    public IEnumerable<LabelPrediction> Predict(IReadOnlyList<string> texts) => Predict(new TextRows(TextColumn, texts), isRequest: true);

    /// <param name="rows">The rows.</param>
    /// <param name="isRequest">Whether they are those of a request, of which there may be millions.</param>
    public IEnumerable<LabelPrediction> Predict(IDataView rows, bool isRequest)
    {
        foreach (var step in UnlabelledSteps.For(rows.Schema, _steps))
            rows = isRequest && step is MokaModel model ? model.TransformRequest(rows) : step.Transform(rows);
        var column = rows.Schema[_source.Column];
        using var cursor = rows.GetRowCursor([column]);
        var reader = Reader(cursor, column);
        while (cursor.MoveNext())
            yield return _source.Named(reader());
    }

    private static Func<float[]> Reader(DataViewRow row, DataViewSchema.Column column)
    {
        if (column.Type is not VectorDataViewType)
        {
            var one = row.GetGetter<float>(column);
            var value = 0f;
            return () =>
            {
                one(ref value);
                return [value, 1 - value];
            };
        }
        var getter = row.GetGetter<VBuffer<float>>(column);
        var values = default(VBuffer<float>);
        return () =>
        {
            getter(ref values);
            return [.. values.DenseValues()];
        };
    }
}
