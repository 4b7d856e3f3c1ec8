using Microsoft.ML.Data;
using Microsoft.ML.Moka.DataViews.Columns;

namespace Microsoft.ML.Moka.DataViews.Scoring;

/// <summary>Score of a regression.</summary>
internal sealed class ValueColumns(RowScorer scorer, string scoreName) : ScoreColumns(scorer)
{
    private const string Kind = "Regression";

    public override DataViewSchema AddTo(DataViewSchema input)
    {
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(input);
        builder.AddColumn(scoreName, NumberDataViewType.Single, ScoreAnnotations.Of(Kind, "Score", ScoreAnnotations.NextSetId(input)));
        return builder.ToSchema();
    }

    /// <summary>The shape of what <see cref="AddTo"/> adds.</summary>
    public static SchemaShape.Column Shape(string scoreName) => ScoreAnnotations.Shape(scoreName, NumberDataViewType.Single);

    protected override Delegate Getter(int added, RowScores scores, Func<string?> label) =>
        (ValueGetter<float>)((ref float value) => value = scores()[0]);
}
