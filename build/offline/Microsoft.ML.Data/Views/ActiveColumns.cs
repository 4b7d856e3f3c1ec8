namespace Microsoft.ML.Data;

/// <summary>Which columns of a schema a cursor was asked for.</summary>
internal sealed class ActiveColumns
{
    private readonly bool[] _active;

    public ActiveColumns(DataViewSchema schema, IEnumerable<DataViewSchema.Column> columnsNeeded)
    {
        ArgumentNullException.ThrowIfNull(columnsNeeded);
        Schema = schema;
        _active = new bool[schema.Count];
        foreach (var column in columnsNeeded)
        {
            CheckIndex(column);
            _active[column.Index] = true;
        }
    }

    public DataViewSchema Schema { get; }

    public IEnumerable<DataViewSchema.Column> Columns => Schema.Where(c => _active[c.Index]);

    public bool Contains(DataViewSchema.Column column)
    {
        CheckIndex(column);
        return _active[column.Index];
    }

    public static ValueGetter<TValue> Typed<TValue>(Delegate getter, DataViewSchema.Column column) =>
        getter as ValueGetter<TValue>
        ?? throw new InvalidOperationException(
            $"Invalid TValue in GetGetter for column '{column.Name}': '{typeof(TValue)}', expected type: '{getter.GetType().GetGenericArguments()[0]}'.");

    private void CheckIndex(DataViewSchema.Column column) =>
        Checks.That((uint)column.Index < (uint)_active.Length, $"Column index must be between 0 and {_active.Length}");
}
