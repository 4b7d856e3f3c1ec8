using Microsoft.ML.Data;
using Microsoft.ML.Moka.Interop;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>The annotations by which ML.NET's evaluators find and read columns of scores.</summary>
internal static class ScoreAnnotations
{
    private const string SetIdName = "ScoreColumnSetId";
    private const string KindName = "ScoreColumnKind";
    private const string ValueKindName = "ScoreValueKind";

    private static readonly KeyDataViewType SetIdType = new(typeof(uint), int.MaxValue);

    /// <summary>What all score columns of a kind have.</summary>
    public static DataViewSchema.Annotations Of(string kind, string valueKind, uint setId) =>
        Complete(new DataViewSchema.Annotations.Builder(), kind, valueKind, setId);

    /// <summary>The same beside what the builder holds already.</summary>
    public static DataViewSchema.Annotations Complete(DataViewSchema.Annotations.Builder builder, string kind, string valueKind, uint setId)
    {
        builder.AddPrimitiveValue(KindName, TextDataViewType.Instance, kind.AsMemory());
        builder.AddPrimitiveValue(ValueKindName, TextDataViewType.Instance, valueKind.AsMemory());
        builder.AddPrimitiveValue(SetIdName, SetIdType, setId);
        return builder.ToAnnotations();
    }

    /// <summary>Score columns of one scorer share an id that no other column of the schema has.</summary>
    public static uint NextSetId(DataViewSchema schema)
    {
        var highest = 0u;
        foreach (var column in schema)
        {
            if (column.Annotations.Schema.GetColumnOrNull(SetIdName)?.Type is not KeyDataViewType { RawType: var raw } || raw != typeof(uint))
                continue;
            var id = 0u;
            column.Annotations.GetValue(SetIdName, ref id);
            highest = Math.Max(highest, id);
        }
        return highest + 1;
    }

    /// <summary>The shape of a column with these annotations, and with others.</summary>
    public static SchemaShape.Column Shape(
        string name, DataViewType itemType, bool isVector = false, bool isKey = false, IEnumerable<SchemaShape.Column>? others = null) =>
        Column(name, itemType, isVector, isKey, new SchemaShape(
            [.. others ?? [], TextShape(KindName), TextShape(ValueKindName), Column(SetIdName, NumberDataViewType.UInt32, isKey: true)]));

    /// <summary>The shape of a column of vectors without a common length.</summary>
    public static SchemaShape.Column VariableShape(string name, DataViewType itemType) => MlNetAccess.CreateColumn(
        name, SchemaShape.Column.VectorKind.VariableVector, itemType, isKey: false, new SchemaShape(
            [TextShape(KindName), TextShape(ValueKindName), Column(SetIdName, NumberDataViewType.UInt32, isKey: true)]));

    public static SchemaShape.Column TextShape(string name, bool isVector = false) => Column(name, TextDataViewType.Instance, isVector);

    public static SchemaShape.Column ValueShape(string name, DataViewType itemType) => Column(name, itemType);

    public static SchemaShape.Column VectorShape(string name, DataViewType itemType) => Column(name, itemType, isVector: true);

    /// <summary>The shape of a column of keys that is no score.</summary>
    public static SchemaShape.Column KeyShape(string name, SchemaShape.Column annotation) =>
        Column(name, NumberDataViewType.UInt32, isKey: true, annotations: new SchemaShape([annotation]));

    private static SchemaShape.Column Column(
        string name, DataViewType itemType, bool isVector = false, bool isKey = false, SchemaShape? annotations = null) =>
        MlNetAccess.CreateColumn(
            name, isVector ? SchemaShape.Column.VectorKind.Vector : SchemaShape.Column.VectorKind.Scalar, itemType, isKey, annotations);
}
