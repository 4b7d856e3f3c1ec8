using Microsoft.ML.Data;
using Microsoft.ML.Moka.DataViews.Columns;

namespace Microsoft.ML.Moka.DataViews.Scoring;

/// <summary>The names of the columns that a binary classifier adds.</summary>
/// <param name="PredictedLabel">The likelier label.</param>
/// <param name="Score">The logarithm of the odds.</param>
/// <param name="Probability">The probability of true.</param>
internal sealed record BinaryNames(string PredictedLabel, string Score, string Probability);

/// <summary>PredictedLabel, Score and Probability, as every calibrated binary trainer of ML.NET adds them.</summary>
internal sealed class BinaryColumns(RowScorer scorer, BinaryNames names) : ScoreColumns(scorer)
{
    private const string Kind = "BinaryClassification";
    private const string IsNormalized = "IsNormalized";
    private const int PredictedLabel = 0;
    private const int Score = 1;

    public override DataViewSchema AddTo(DataViewSchema input)
    {
        var setId = ScoreAnnotations.NextSetId(input);
        var normalized = new DataViewSchema.Annotations.Builder();
        normalized.AddPrimitiveValue(IsNormalized, BooleanDataViewType.Instance, true);
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(input);
        builder.AddColumn(names.PredictedLabel, BooleanDataViewType.Instance, ScoreAnnotations.Of(Kind, "PredictedLabel", setId));
        builder.AddColumn(names.Score, NumberDataViewType.Single, ScoreAnnotations.Of(Kind, "Score", setId));
        builder.AddColumn(names.Probability, NumberDataViewType.Single, ScoreAnnotations.Complete(normalized, Kind, "Probability", setId));
        return builder.ToSchema();
    }

    /// <summary>The shape of what <see cref="AddTo"/> adds.</summary>
    public static IEnumerable<SchemaShape.Column> Shapes(BinaryNames names)
    {
        yield return ScoreAnnotations.Shape(names.PredictedLabel, BooleanDataViewType.Instance);
        yield return ScoreAnnotations.Shape(names.Score, NumberDataViewType.Single);
        yield return ScoreAnnotations.Shape(
            names.Probability, NumberDataViewType.Single, others: [ScoreAnnotations.ValueShape(IsNormalized, BooleanDataViewType.Instance)]);
    }

    protected override Delegate Getter(int added, RowScores scores, Func<string?> label) => added switch
    {
        PredictedLabel => (ValueGetter<bool>)((ref bool value) => value = scores()[0] > 0),
        Score => (ValueGetter<float>)((ref float value) => value = scores()[0]),
        _ => (ValueGetter<float>)((ref float value) => value = 1 / (1 + MathF.Exp(-scores()[0]))),
    };
}
