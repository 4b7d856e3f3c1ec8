namespace Microsoft.ML.Data;

/// <summary>The rows of an enumerable of objects; it is enumerated anew by each cursor.</summary>
internal sealed class EnumerableView<TRow> : IDataView
    where TRow : class
{
    private readonly IEnumerable<TRow> _rows;
    private readonly MemberColumn<TRow>[] _columns;

    public EnumerableView(IEnumerable<TRow> rows, SchemaDefinition definition)
    {
        _rows = rows;
        _columns = MemberColumn<TRow>.Of(SchemaDefinition.Direction.Read, definition);
        Schema = MemberColumn<TRow>.SchemaOf(_columns);
    }

    public bool CanShuffle => false;

    public DataViewSchema Schema { get; }

    public long? GetRowCount() => (_rows as ICollection<TRow>)?.Count;

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random rand = null) => new Cursor(this, columnsNeeded);

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random rand = null) =>
        [GetRowCursor(columnsNeeded, rand)];

    private sealed class Cursor(EnumerableView<TRow> view, IEnumerable<DataViewSchema.Column> columnsNeeded) : LeafCursor(view.Schema, columnsNeeded)
    {
        private readonly IEnumerator<TRow> _rows = view._rows.GetEnumerator();

        protected override bool MoveNextCore()
        {
            if (!_rows.MoveNext())
                return false;
            Checks.That(_rows.Current is not null, "Encountered null when iterating over data, this is not supported.");
            return true;
        }

        protected override Delegate CreateGetter(int column) => view._columns[column].CreateGetter(() =>
        {
            CheckPositioned();
            return _rows.Current;
        });

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _rows.Dispose();
            base.Dispose(disposing);
        }
    }
}

/// <summary>A row whose values come from one object, which is exchanged from row to row.</summary>
internal sealed class ObjectRow<TRow> : DataViewRow
    where TRow : class
{
    private readonly MemberColumn<TRow>[] _columns;
    private TRow _object;
    private long _position = -1;

    public ObjectRow(SchemaDefinition definition)
    {
        _columns = MemberColumn<TRow>.Of(SchemaDefinition.Direction.Read, definition);
        Schema = MemberColumn<TRow>.SchemaOf(_columns);
    }

    public override long Position => _position;

    public override long Batch => 0;

    public override DataViewSchema Schema { get; }

    public void MoveTo(TRow row)
    {
        ArgumentNullException.ThrowIfNull(row);
        _object = row;
        _position++;
    }

    public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId id) => id = new DataViewRowId((ulong)_position, 0);

    public override bool IsColumnActive(DataViewSchema.Column column) => true;

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column) =>
        ActiveColumns.Typed<TValue>(_columns[column.Index].CreateGetter(() => _object), column);
}
