namespace Microsoft.ML.Data;

/// <summary>
/// Holds the rows of its source in memory, column by column, from the first time that a column is asked for. With
/// <paramref name="order"/> each cursor gets an order of its own.
/// </summary>
internal sealed class MemoryView(IDataView source, Func<Random, int, int[]> order) : IDataView
{
    private readonly Lock _lock = new();
    private readonly Dictionary<int, ColumnBuffer> _columns = [];
    private List<DataViewRowId> _ids;

    public bool CanShuffle => true;

    public DataViewSchema Schema => source.Schema;

    public long? GetRowCount() => _ids?.Count ?? source.GetRowCount();

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random rand = null)
    {
        var active = new ActiveColumns(Schema, columnsNeeded);
        Fill(active);
        return new Cursor(this, active, order(rand, _ids.Count));
    }

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random rand = null)
    {
        var input = GetRowCursor(columnsNeeded, rand);
        return n > 1 ? SplitCursor.Split(input, n) : [input];
    }

    /// <summary>Reads what is not there yet.</summary>
    public void Fill(ActiveColumns active)
    {
        lock (_lock)
        {
            var missing = active.Columns.Where(c => !_columns.ContainsKey(c.Index)).ToArray();
            if (_ids is not null && missing.Length == 0)
                return;
            using var input = source.GetRowCursor(missing);
            var id = input.GetIdGetter();
            var buffers = missing.ToDictionary(c => c.Index, c => ColumnBuffer.Create(input, c));
            var ids = new List<DataViewRowId>();
            while (input.MoveNext())
            {
                DataViewRowId value = default;
                id(ref value);
                ids.Add(value);
                foreach (var buffer in buffers.Values)
                    buffer.Append();
            }
            _ids = ids;
            foreach (var (column, buffer) in buffers)
                _columns[column] = buffer;
        }
    }

    /// <summary>The rows' own order, or a random one where a cursor is to be shuffled.</summary>
    public static int[] OwnOrder(Random rand, int count) => rand is null ? null : RandomOrder(rand, count);

    public static int[] RandomOrder(Random rand, int count)
    {
        var rows = Enumerable.Range(0, count).ToArray();
        rand.Shuffle(rows);
        return rows;
    }

    private sealed class Cursor(MemoryView view, ActiveColumns active, int[] order) : LeafCursor(view.Schema, active.Columns)
    {
        private int Row
        {
            get
            {
                CheckPositioned();
                return order is null ? (int)Position : order[Position];
            }
        }

        public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId id) => id = view._ids[Row];

        protected override bool MoveNextCore() => Position + 1 < view._ids.Count;

        protected override Delegate CreateGetter(int column) => view._columns[column].CreateGetter(() => Row);
    }
}
