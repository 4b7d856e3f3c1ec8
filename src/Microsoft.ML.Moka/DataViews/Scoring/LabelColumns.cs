using System.Numerics.Tensors;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.DataViews.Columns;

namespace Microsoft.ML.Moka.DataViews.Scoring;

/// <summary>PredictedLabel and Score of a multiclass classifier, and the rows' own labels as keys.</summary>
internal sealed class LabelColumns(RowScorer scorer, OutputColumns outputs) : ScoreColumns(scorer)
{
    private const int PredictedLabel = 0;
    private const int Score = 1;

    private readonly Dictionary<string, uint> _keys =
        outputs.Words.Select((word, index) => (word, index)).ToDictionary(pair => pair.word, pair => (uint)pair.index + 1, StringComparer.Ordinal);

    public override DataViewSchema AddTo(DataViewSchema input) => outputs.AddTo(input);

    public override DataViewSchema.Column? LabelIn(DataViewSchema input) => outputs.LabelIn(input);

    protected override Delegate Getter(int added, RowScores scores, Func<string?> label) => added switch
    {
        PredictedLabel when outputs.Form.IsKey => (ValueGetter<uint>)((ref uint value) => value = Best(scores())),
        PredictedLabel => outputs.Form.Item.Getter(() => Best(scores()) is > 0 and var key ? outputs.Words[(int)key - 1] : ""),
        Score => (ValueGetter<VBuffer<float>>)((ref VBuffer<float> value) => CopyTo(scores(), ref value)),
        _ => (ValueGetter<uint>)((ref uint value) => value = label() is { } word ? _keys.GetValueOrDefault(word) : 0),
    };

    /// <summary>The key of the likeliest label, counted from 1; missing (0) where there is no score to compare.</summary>
    private static uint Best(ReadOnlySpan<float> scores) => float.IsNaN(scores[0]) ? 0 : (uint)TensorPrimitives.IndexOfMax(scores) + 1;
}
