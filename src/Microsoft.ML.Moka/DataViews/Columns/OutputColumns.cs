using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>The names of the columns that a classifier adds.</summary>
/// <param name="Score">The probabilities.</param>
/// <param name="PredictedLabel">The likeliest label.</param>
/// <param name="Label">The column of the rows' own labels.</param>
/// <param name="LabelKey">Those labels as keys; null where nobody needs it, as the labels are keys themselves.</param>
internal sealed record OutputNames(string Score, string PredictedLabel, string Label, string? LabelKey);

/// <summary>
/// The columns that scoring adds, as every multiclass trainer of ML.NET adds them: PredictedLabel, in the form of the label, and Score, a vector with a
/// slot for each. Their annotations let Evaluate and MapKeyToValue find and read them. Rows with a label that is no key get it as a key too, for Evaluate
/// takes nothing else.
/// </summary>
internal sealed class OutputColumns(OutputNames names, LabelForm form, IReadOnlyList<string> words)
{
    private const string KeyValues = "KeyValues";
    private const string SlotNames = "SlotNames";
    private const string TrainingLabelValues = "TrainingLabelValues";
    private const string Kind = "MulticlassClassification";

    private readonly VectorDataViewType _wordsType = new(TextDataViewType.Instance, words.Count);

    public LabelForm Form => form;

    public IReadOnlyList<string> Words => words;

    /// <summary>The labels of the rows that become keys; null where there are none.</summary>
    public DataViewSchema.Column? LabelIn(DataViewSchema input) =>
        names.LabelKey is not null && !form.IsKey && input.GetColumnOrNull(names.Label) is { } label && LabelColumn.CanRead(label) ? label : null;

    /// <summary>The input's columns with their indices, then PredictedLabel, then Score, then the label as a key.</summary>
    public DataViewSchema AddTo(DataViewSchema input)
    {
        var setId = ScoreAnnotations.NextSetId(input);
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(input);
        builder.AddColumn(names.PredictedLabel, form.IsKey ? KeyType : form.Item.Type, OfPredictedLabel(setId));
        builder.AddColumn(names.Score, new VectorDataViewType(NumberDataViewType.Single, words.Count), OfScore(setId));
        if (LabelIn(input) is not null)
            builder.AddColumn(names.LabelKey!, KeyType, OfLabelKey());
        return builder.ToSchema();
    }

    /// <summary>The shape of what <see cref="AddTo"/> adds: exactly, for chains of estimators believe it before anything is fitted.</summary>
    public static IEnumerable<SchemaShape.Column> Shapes(OutputNames names, LabelForm form)
    {
        yield return ScoreAnnotations.Shape(
            names.PredictedLabel, form.ShapeType, isKey: form.IsKey,
            others: form.IsKey ? [ScoreAnnotations.VectorShape(KeyValues, form.Item.Type)] : []);
        yield return ScoreAnnotations.Shape(
            names.Score, NumberDataViewType.Single, isVector: true,
            others: [ScoreAnnotations.TextShape(SlotNames, isVector: true), ScoreAnnotations.TextShape(TrainingLabelValues, isVector: true)]);
        if (names.LabelKey is not null && !form.IsKey)
            yield return ScoreAnnotations.KeyShape(names.LabelKey, ScoreAnnotations.TextShape(KeyValues, isVector: true));
    }

    private KeyDataViewType KeyType => new(typeof(uint), words.Count);

    private DataViewSchema.Annotations OfLabelKey()
    {
        var builder = new DataViewSchema.Annotations.Builder();
        builder.Add<VBuffer<ReadOnlyMemory<char>>>(KeyValues, _wordsType, GetWords);
        return builder.ToAnnotations();
    }

    private DataViewSchema.Annotations OfPredictedLabel(uint setId)
    {
        var builder = new DataViewSchema.Annotations.Builder();
        if (form.IsKey)
            form.Item.Annotate(builder, KeyValues, words);
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
