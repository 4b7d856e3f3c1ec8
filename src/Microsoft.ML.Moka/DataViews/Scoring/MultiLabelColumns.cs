using Microsoft.ML.Data;
using Microsoft.ML.Moka.DataViews.Columns;

namespace Microsoft.ML.Moka.DataViews.Scoring;

/// <summary>The names of the columns that a multi-label classifier adds.</summary>
/// <param name="PredictedLabel">The labels whose probability is above the threshold.</param>
/// <param name="Score">The head's outputs, the logarithms of the odds.</param>
/// <param name="Probability">The probability of each label.</param>
internal sealed record MultiLabelNames(string PredictedLabel, string Score, string Probability);

/// <summary>PredictedLabel, the texts of the labels that apply; Score and Probability, with a slot for each label.</summary>
internal sealed class MultiLabelColumns(RowScorer scorer, MultiLabelNames names, IReadOnlyList<string> labels, float threshold) : ScoreColumns(scorer)
{
    private const string Kind = "MultiLabelClassification";
    private const string SlotNames = "SlotNames";
    private const int PredictedLabel = 0;
    private const int Score = 1;

    private readonly VectorDataViewType _namesType = new(TextDataViewType.Instance, labels.Count);

    public override DataViewSchema AddTo(DataViewSchema input)
    {
        var setId = ScoreAnnotations.NextSetId(input);
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(input);
        builder.AddColumn(names.PredictedLabel, new VectorDataViewType(TextDataViewType.Instance), ScoreAnnotations.Of(Kind, "PredictedLabel", setId));
        builder.AddColumn(names.Score, new VectorDataViewType(NumberDataViewType.Single, labels.Count), Named("Score", setId));
        builder.AddColumn(names.Probability, new VectorDataViewType(NumberDataViewType.Single, labels.Count), Named("Probability", setId));
        return builder.ToSchema();
    }

    /// <summary>The shape of what <see cref="AddTo"/> adds.</summary>
    public static IEnumerable<SchemaShape.Column> Shapes(MultiLabelNames names)
    {
        SchemaShape.Column[] slots = [ScoreAnnotations.TextShape(SlotNames, isVector: true)];
        yield return ScoreAnnotations.VariableShape(names.PredictedLabel, TextDataViewType.Instance);
        yield return ScoreAnnotations.Shape(names.Score, NumberDataViewType.Single, isVector: true, others: slots);
        yield return ScoreAnnotations.Shape(names.Probability, NumberDataViewType.Single, isVector: true, others: slots);
    }

    protected override string BlankProblem => "Rows whose text is blank, and whose scores say only how frequent the labels are by themselves";

    protected override Delegate Getter(int added, RowScores scores, Func<string?> label) => added switch
    {
        PredictedLabel => (ValueGetter<VBuffer<ReadOnlyMemory<char>>>)((ref VBuffer<ReadOnlyMemory<char>> value) => CopyApplying(scores(), ref value)),
        Score => (ValueGetter<VBuffer<float>>)((ref VBuffer<float> value) => CopyTo(scores(), ref value)),
        _ => (ValueGetter<VBuffer<float>>)((ref VBuffer<float> value) =>
        {
            CopyTo(scores(), ref value);
            var editor = VBufferEditor.CreateFromBuffer(ref value);
            foreach (ref var probability in editor.Values)
                probability = ProbabilityOf(probability);
            value = editor.Commit();
        }),
    };

    private static float ProbabilityOf(float score) => 1 / (1 + MathF.Exp(-score));

    private void CopyApplying(ReadOnlySpan<float> scores, ref VBuffer<ReadOnlyMemory<char>> value)
    {
        var count = 0;
        foreach (var score in scores)
            count += ProbabilityOf(score) > threshold ? 1 : 0;
        var editor = VBufferEditor.Create(ref value, count);
        var next = 0;
        for (var i = 0; i < scores.Length; i++)
        {
            if (ProbabilityOf(scores[i]) > threshold)
                editor.Values[next++] = labels[i].AsMemory();
        }
        value = editor.Commit();
    }

    private DataViewSchema.Annotations Named(string valueKind, uint setId)
    {
        var builder = new DataViewSchema.Annotations.Builder();
        builder.Add<VBuffer<ReadOnlyMemory<char>>>(SlotNames, _namesType, (ref VBuffer<ReadOnlyMemory<char>> value) =>
        {
            var editor = VBufferEditor.Create(ref value, labels.Count);
            for (var i = 0; i < labels.Count; i++)
                editor.Values[i] = labels[i].AsMemory();
            value = editor.Commit();
        });
        return ScoreAnnotations.Complete(builder, Kind, valueKind, setId);
    }
}
