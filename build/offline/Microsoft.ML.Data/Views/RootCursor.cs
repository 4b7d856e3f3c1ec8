namespace Microsoft.ML.Data;

/// <summary>Counts the position, and ends for good after the last row.</summary>
internal abstract class RootCursor : DataViewRowCursor
{
    private const string NotPositioned =
        "Values cannot be fetched at this time. This method was called either before the first call to MoveNext, or at any point after that method returned false.";

    private long _position = -1;
    private bool _disposed;

    public sealed override long Position => _position;

    public sealed override bool MoveNext()
    {
        if (_disposed)
            return false;
        if (MoveNextCore())
        {
            _position++;
            return true;
        }
        Dispose();
        return false;
    }

    protected abstract bool MoveNextCore();

    protected void CheckPositioned() => Checks.That(_position >= 0, NotPositioned);

    protected override void Dispose(bool disposing)
    {
        _disposed = true;
        _position = -1;
        base.Dispose(disposing);
    }
}

/// <summary>A cursor that makes its values itself.</summary>
internal abstract class LeafCursor : RootCursor
{
    private readonly ActiveColumns _active;

    protected LeafCursor(DataViewSchema schema, IEnumerable<DataViewSchema.Column> columnsNeeded) => _active = new ActiveColumns(schema, columnsNeeded);

    public override long Batch => 0;

    public sealed override DataViewSchema Schema => _active.Schema;

    public sealed override bool IsColumnActive(DataViewSchema.Column column) => _active.Contains(column);

    public sealed override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        Checks.Param(_active.Contains(column), nameof(column), "requested column not active");
        return ActiveColumns.Typed<TValue>(CreateGetter(column.Index), column);
    }

    public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId id) =>
    {
        CheckPositioned();
        id = new DataViewRowId((ulong)Position, 0);
    };

    protected abstract Delegate CreateGetter(int column);
}
