namespace Microsoft.ML.Data;

/// <summary>A view whose rows a mapper makes, one from one row of its source.</summary>
internal sealed class MappedView(IDataView source, IRowToRowMapper mapper) : IDataView
{
    public bool CanShuffle => source.CanShuffle;

    public DataViewSchema Schema => mapper.OutputSchema;

    public long? GetRowCount() => source.GetRowCount();

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random rand = null)
    {
        var active = new ActiveColumns(Schema, columnsNeeded);
        return new Cursor(source.GetRowCursor(mapper.GetDependencies(active.Columns), rand), mapper, active);
    }

    /// <summary>Rows are mapped in parallel even where the source comes in one piece.</summary>
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random rand = null)
    {
        var active = new ActiveColumns(Schema, columnsNeeded);
        var inputs = source.GetRowCursorSet(mapper.GetDependencies(active.Columns), n, rand);
        if (inputs.Length == 1 && n > 1 && active.Columns.Any())
            inputs = SplitCursor.Split(inputs[0], n);
        return Array.ConvertAll(inputs, input => new Cursor(input, mapper, active));
    }

    private sealed class Cursor(DataViewRowCursor input, IRowToRowMapper mapper, ActiveColumns active) : DataViewRowCursor
    {
        private readonly DataViewRow _row = mapper.GetRow(input, active.Columns);

        public override long Position => input.Position;

        public override long Batch => input.Batch;

        public override DataViewSchema Schema => active.Schema;

        public override bool MoveNext() => input.MoveNext();

        public override ValueGetter<DataViewRowId> GetIdGetter() => input.GetIdGetter();

        public override bool IsColumnActive(DataViewSchema.Column column) => active.Contains(column);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column) => _row.GetGetter<TValue>(column);

        protected override void Dispose(bool disposing)
        {
            if (!disposing)
                return;
            _row.Dispose();
            input.Dispose();
        }
    }
}
