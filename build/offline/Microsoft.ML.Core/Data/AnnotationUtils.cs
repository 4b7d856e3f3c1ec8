namespace Microsoft.ML.Data;

internal static class AnnotationUtils
{
    public static class Kinds
    {
        public const string SlotNames = "SlotNames";
        public const string KeyValues = "KeyValues";
        public const string ScoreColumnSetId = "ScoreColumnSetId";
        public const string ScoreColumnKind = "ScoreColumnKind";
        public const string ScoreValueKind = "ScoreValueKind";
    }

    /// <summary>One text for each of <paramref name="size"/> slots or keys of the column stands under the kind.</summary>
    public static bool HasTexts(this DataViewSchema.Column column, string kind, int size) =>
        size > 0
        && column.Annotations.Schema.GetColumnOrNull(kind)?.Type is VectorDataViewType type
        && type.Size == size
        && type.ItemType is TextDataViewType;
}
