namespace Microsoft.ML.Data;

/// <summary>Adds columns to a row, each computed from one input column.</summary>
internal abstract class ColumnMapper : IRowToRowMapper
{
    private readonly (int Source, bool IsAdded)[] _origins;
    private readonly int[] _inputs;

    /// <param name="inputSchema">The columns that are there.</param>
    /// <param name="added">The columns to add: a name that is there already hides its column, and stands directly behind it.</param>
    /// <param name="inputs">For each added column the index of its input column.</param>
    protected ColumnMapper(DataViewSchema inputSchema, IReadOnlyList<DataViewSchema.DetachedColumn> added, int[] inputs)
    {
        InputSchema = inputSchema;
        _inputs = inputs;
        var columns = inputSchema.Select(c => (Column: new DataViewSchema.DetachedColumn(c), Origin: (c.Index, false))).ToList();
        for (var i = 0; i < added.Count; i++)
        {
            var hidden = columns.FindLastIndex(c => c.Column.Name == added[i].Name);
            columns.Insert(hidden < 0 ? columns.Count : hidden + 1, (added[i], (i, true)));
        }
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(columns.Select(c => c.Column));
        OutputSchema = builder.ToSchema();
        _origins = [.. columns.Select(c => c.Origin)];
    }

    public DataViewSchema InputSchema { get; }

    public DataViewSchema OutputSchema { get; }

    public IEnumerable<DataViewSchema.Column> GetDependencies(IEnumerable<DataViewSchema.Column> dependingColumns)
    {
        var needed = new ActiveColumns(OutputSchema, dependingColumns).Columns
            .Select(c => _origins[c.Index].IsAdded ? _inputs[_origins[c.Index].Source] : _origins[c.Index].Source)
            .ToHashSet();
        return InputSchema.Where(c => needed.Contains(c.Index));
    }

    public DataViewRow GetRow(DataViewRow input, IEnumerable<DataViewSchema.Column> activeColumns)
    {
        ArgumentNullException.ThrowIfNull(input);
        Checks.That(input.Schema == InputSchema, "Schema of input row must be the same as the schema the mapper is bound to");
        return new Row(this, input, new ActiveColumns(OutputSchema, activeColumns));
    }

    protected abstract Delegate CreateGetter(DataViewRow input, DataViewSchema.Column inputColumn, int added);

    private sealed class Row(ColumnMapper mapper, DataViewRow input, ActiveColumns active) : DataViewRow
    {
        public override long Position => input.Position;

        public override long Batch => input.Batch;

        public override DataViewSchema Schema => mapper.OutputSchema;

        public override ValueGetter<DataViewRowId> GetIdGetter() => input.GetIdGetter();

        public override bool IsColumnActive(DataViewSchema.Column column) => active.Contains(column);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            Checks.That(active.Contains(column), $"Column '{column.Name}' is not active.");
            var (source, isAdded) = mapper._origins[column.Index];
            if (!isAdded)
                return input.GetGetter<TValue>(input.Schema[source]);
            return ActiveColumns.Typed<TValue>(mapper.CreateGetter(input, input.Schema[mapper._inputs[source]], source), column);
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                input.Dispose();
        }
    }
}
