namespace Microsoft.ML.Data;

/// <summary>The rows of a source that a filter keeps, in the source's order. Each cursor asks for a filter of its own.</summary>
internal sealed class FilteredView(IDataView source, Func<DataViewRow, Func<bool>> createFilter, DataViewSchema.Column? filterColumn = null, bool canShuffle = false)
    : IDataView
{
    public bool CanShuffle => canShuffle && source.CanShuffle;

    public DataViewSchema Schema => source.Schema;

    public long? GetRowCount() => null;

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random rand = null)
    {
        var active = new ActiveColumns(Schema, columnsNeeded);
        var columns = filterColumn is { } column ? active.Columns.Append(column) : active.Columns;
        var input = source.GetRowCursor(columns, CanShuffle ? rand : null);
        return new Cursor(input, createFilter(input), active);
    }

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random rand = null) =>
        [GetRowCursor(columnsNeeded, rand)];

    private sealed class Cursor(DataViewRowCursor input, Func<bool> keeps, ActiveColumns active) : RootCursor
    {
        public override long Batch => input.Batch;

        public override DataViewSchema Schema => active.Schema;

        public override ValueGetter<DataViewRowId> GetIdGetter() => input.GetIdGetter();

        public override bool IsColumnActive(DataViewSchema.Column column) => active.Contains(column);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            Checks.That(active.Contains(column), $"Column '{column.Name}' is not active.");
            return input.GetGetter<TValue>(column);
        }

        protected override bool MoveNextCore()
        {
            while (input.MoveNext())
            {
                if (keeps())
                    return true;
            }
            return false;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                input.Dispose();
            base.Dispose(disposing);
        }
    }
}
