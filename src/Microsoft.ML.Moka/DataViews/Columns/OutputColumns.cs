using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>
/// The columns that scoring adds, as every multiclass trainer of ML.NET adds them: PredictedLabel, a key over the answer words, and Score, a vector with a
/// slot for each. Their annotations let Evaluate and MapKeyToValue find and read them.
/// </summary>
internal sealed class OutputColumns(string scoreName, string predictedLabelName, IReadOnlyList<string> words)
{
    private const string KeyValues = "KeyValues";
    private const string SlotNames = "SlotNames";
    private const string TrainingLabelValues = "TrainingLabelValues";
    private const string Kind = "MulticlassClassification";

    private readonly VectorDataViewType _wordsType = new(TextDataViewType.Instance, words.Count);

    public string ScoreName { get; } = scoreName;

    public string PredictedLabelName { get; } = predictedLabelName;

    /// <summary>The input's columns with their indices, then PredictedLabel, then Score.</summary>
    public DataViewSchema AddTo(DataViewSchema input)
    {
        var setId = ScoreAnnotations.NextSetId(input);
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(input);
        builder.AddColumn(PredictedLabelName, new KeyDataViewType(typeof(uint), words.Count), OfPredictedLabel(setId));
        builder.AddColumn(ScoreName, new VectorDataViewType(NumberDataViewType.Single, words.Count), OfScore(setId));
        return builder.ToSchema();
    }

    /// <summary>The shape of what <see cref="AddTo"/> adds: exactly, for chains of estimators believe it before anything is fitted.</summary>
    public static IEnumerable<SchemaShape.Column> Shapes(string scoreName, string predictedLabelName)
    {
        yield return ScoreAnnotations.Shape(
            predictedLabelName, NumberDataViewType.UInt32, isKey: true, others: [ScoreAnnotations.TextShape(KeyValues, isVector: true)]);
        yield return ScoreAnnotations.Shape(
            scoreName, NumberDataViewType.Single, isVector: true,
            others: [ScoreAnnotations.TextShape(SlotNames, isVector: true), ScoreAnnotations.TextShape(TrainingLabelValues, isVector: true)]);
    }

    private DataViewSchema.Annotations OfPredictedLabel(uint setId)
    {
        var builder = new DataViewSchema.Annotations.Builder();
        builder.Add<VBuffer<ReadOnlyMemory<char>>>(KeyValues, _wordsType, GetWords);
        return ScoreAnnotations.Complete(builder, Kind, "PredictedLabel", setId);
    }

    private DataViewSchema.Annotations OfScore(uint setId)
    {
        var builder = new DataViewSchema.Annotations.Builder();
        builder.Add<VBuffer<ReadOnlyMemory<char>>>(SlotNames, _wordsType, GetWords);
        builder.Add<VBuffer<ReadOnlyMemory<char>>>(TrainingLabelValues, _wordsType, GetWords);
        return ScoreAnnotations.Complete(builder, Kind, "Score", setId);
    }

    private void GetWords(ref VBuffer<ReadOnlyMemory<char>> value)
    {
        var editor = VBufferEditor.Create(ref value, words.Count);
        for (var i = 0; i < words.Count; i++)
            editor.Values[i] = words[i].AsMemory();
        value = editor.Commit();
    }
}
