namespace Microsoft.ML.Data;

/// <summary>Fills row objects from the columns that are named as their members.</summary>
internal sealed class ObjectWriter<TRow>
    where TRow : class
{
    private readonly List<(MemberColumn<TRow> Member, DataViewSchema.Column Column)> _bindings = [];

    public ObjectWriter(DataViewSchema schema, bool ignoreMissingColumns, SchemaDefinition definition)
    {
        foreach (var member in MemberColumn<TRow>.Of(SchemaDefinition.Direction.Write, definition))
        {
            if (schema.GetColumnOrNull(member.Column.Name) is not { } column)
            {
                Checks.Param(ignoreMissingColumns, nameof(schema), $"Could not find  column '{member.Column.Name}'");
                continue;
            }
            var (isVector, itemType) = SchemaDefinition.ShapeOf(member.Member);
            Checks.That(isVector == column.Type is VectorDataViewType && column.Type.ItemType().RawType == itemType,
                $"Can't bind the IDataView column '{column.Name}' of type '{column.Type}' to field or property '{member.Member.Name}' of type '{SchemaDefinition.TypeOf(member.Member).FullName}'.");
            _bindings.Add((member, column));
        }
    }

    public IEnumerable<DataViewSchema.Column> Columns => _bindings.Select(b => b.Column);

    public Action<TRow> Bind(DataViewRow source)
    {
        var setters = _bindings.ConvertAll(b => b.Member.CreateSetter(source, b.Column));
        return row => setters.ForEach(set => set(row));
    }
}
