using Microsoft.ML.Data;
using Microsoft.ML.Moka.Interop;

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
    private const string ScoreColumnSetId = "ScoreColumnSetId";
    private const string ScoreColumnKind = "ScoreColumnKind";
    private const string ScoreValueKind = "ScoreValueKind";

    private static readonly KeyDataViewType SetIdType = new(typeof(uint), int.MaxValue);

    private readonly VectorDataViewType _wordsType = new(TextDataViewType.Instance, words.Count);

    public string ScoreName { get; } = scoreName;

    public string PredictedLabelName { get; } = predictedLabelName;

    /// <summary>The input's columns with their indices, then PredictedLabel, then Score.</summary>
    public DataViewSchema AddTo(DataViewSchema input)
    {
        var setId = NextSetId(input);
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(input);
        builder.AddColumn(PredictedLabelName, new KeyDataViewType(typeof(uint), words.Count), PredictedLabelAnnotations(setId));
        builder.AddColumn(ScoreName, new VectorDataViewType(NumberDataViewType.Single, words.Count), ScoreAnnotations(setId));
        return builder.ToSchema();
    }

    /// <summary>The shape of what <see cref="AddTo"/> adds: exactly, for chains of estimators believe it before anything is fitted.</summary>
    public static IEnumerable<SchemaShape.Column> Shapes(string scoreName, string predictedLabelName)
    {
        var shared = new[] { TextShape(ScoreColumnKind), TextShape(ScoreValueKind), Shape(ScoreColumnSetId, NumberDataViewType.UInt32, isKey: true) };
        yield return Shape(predictedLabelName, NumberDataViewType.UInt32, isKey: true,
            annotations: new SchemaShape([TextShape(KeyValues, isVector: true), .. shared]));
        yield return Shape(scoreName, NumberDataViewType.Single, isVector: true,
            annotations: new SchemaShape([TextShape(SlotNames, isVector: true), TextShape(TrainingLabelValues, isVector: true), .. shared]));
    }

    private DataViewSchema.Annotations PredictedLabelAnnotations(uint setId)
    {
        var builder = new DataViewSchema.Annotations.Builder();
        builder.Add<VBuffer<ReadOnlyMemory<char>>>(KeyValues, _wordsType, GetWords);
        return WithScoreKinds(builder, setId, "PredictedLabel");
    }

    private DataViewSchema.Annotations ScoreAnnotations(uint setId)
    {
        var builder = new DataViewSchema.Annotations.Builder();
        builder.Add<VBuffer<ReadOnlyMemory<char>>>(SlotNames, _wordsType, GetWords);
        builder.Add<VBuffer<ReadOnlyMemory<char>>>(TrainingLabelValues, _wordsType, GetWords);
        return WithScoreKinds(builder, setId, "Score");
    }

    private static DataViewSchema.Annotations WithScoreKinds(DataViewSchema.Annotations.Builder builder, uint setId, string valueKind)
    {
        builder.AddPrimitiveValue(ScoreColumnKind, TextDataViewType.Instance, "MulticlassClassification".AsMemory());
        builder.AddPrimitiveValue(ScoreValueKind, TextDataViewType.Instance, valueKind.AsMemory());
        builder.AddPrimitiveValue(ScoreColumnSetId, SetIdType, setId);
        return builder.ToAnnotations();
    }

    private void GetWords(ref VBuffer<ReadOnlyMemory<char>> value)
    {
        var editor = VBufferEditor.Create(ref value, words.Count);
        for (var i = 0; i < words.Count; i++)
            editor.Values[i] = words[i].AsMemory();
        value = editor.Commit();
    }

    /// <summary>Score columns of one scorer share an id that no other column of the schema has.</summary>
    private static uint NextSetId(DataViewSchema schema)
    {
        var highest = 0u;
        foreach (var column in schema)
        {
            if (column.Annotations.Schema.GetColumnOrNull(ScoreColumnSetId)?.Type is not KeyDataViewType { RawType: var raw } || raw != typeof(uint))
                continue;
            var id = 0u;
            column.Annotations.GetValue(ScoreColumnSetId, ref id);
            highest = Math.Max(highest, id);
        }
        return highest + 1;
    }

    private static SchemaShape.Column TextShape(string name, bool isVector = false) => Shape(name, TextDataViewType.Instance, isVector);

    private static SchemaShape.Column Shape(
        string name, DataViewType itemType, bool isVector = false, bool isKey = false, SchemaShape? annotations = null) =>
        MlNetAccess.CreateColumn(
            name, isVector ? SchemaShape.Column.VectorKind.Vector : SchemaShape.Column.VectorKind.Scalar, itemType, isKey, annotations);
}
