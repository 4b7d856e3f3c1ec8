using Microsoft.ML.Data;
using Microsoft.ML.Moka.Interop;

namespace Microsoft.ML.Moka.DataViews.Scoring;

/// <summary>The column of texts' vectors.</summary>
internal sealed class EmbeddingColumns(EmbeddingScorer scorer, string name) : ScoreColumns(scorer)
{
    private readonly int _width = scorer.Width;

    public override string Work => "Embedding";

    protected override string BlankProblem => "Rows whose text is blank, and whose vectors are all the same";

    public override DataViewSchema AddTo(DataViewSchema input)
    {
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(input);
        builder.AddColumn(name, new VectorDataViewType(NumberDataViewType.Single, _width));
        return builder.ToSchema();
    }

    /// <summary>The shape of what <see cref="AddTo"/> adds.</summary>
    public static SchemaShape.Column Shape(string name) =>
        MlNetAccess.CreateColumn(name, SchemaShape.Column.VectorKind.Vector, NumberDataViewType.Single, isKey: false);

    protected override Delegate Getter(int added, RowScores scores, Func<string?> label) =>
        (ValueGetter<VBuffer<float>>)((ref VBuffer<float> value) => CopyTo(scores(), ref value));
}
