using System.Numerics.Tensors;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.DataViews.Columns;

namespace Microsoft.ML.Moka.DataViews.Scoring;

/// <summary>PredictedLabel and Score of a multiclass classifier.</summary>
internal sealed class LabelColumns(RowScorer scorer, OutputColumns outputs) : ScoreColumns(scorer)
{
    private const int PredictedLabel = 0;

    public override DataViewSchema AddTo(DataViewSchema input) => outputs.AddTo(input);

    protected override Delegate Getter(int added, RowScores scores) => added == PredictedLabel
        ? (ValueGetter<uint>)((ref uint value) => value = Best(scores()))
        : (ValueGetter<VBuffer<float>>)((ref VBuffer<float> value) =>
        {
            var source = scores();
            var editor = VBufferEditor.Create(ref value, source.Length);
            source.CopyTo(editor.Values);
            value = editor.Commit();
        });

    /// <summary>The key of the likeliest label, counted from 1; missing (0) where there is no score to compare.</summary>
    private static uint Best(ReadOnlySpan<float> scores) => float.IsNaN(scores[0]) ? 0 : (uint)TensorPrimitives.IndexOfMax(scores) + 1;
}
