using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Datasets;

/// <summary>Columns in memory as rows of ML.NET. What the values are is what the arrays hold: numbers, truth values, texts, or vectors of texts.</summary>
internal sealed class ColumnView : IDataView
{
    private readonly Array[] _values;
    private readonly int _count;

    /// <param name="columns">The columns; their arrays have a value for each row.</param>
    /// <param name="count">The number of rows.</param>
    public ColumnView(IReadOnlyList<(string Name, Array Values)> columns, int count)
    {
        (_values, _count) = ([.. columns.Select(column => column.Values)], count);
        var builder = new DataViewSchema.Builder();
        foreach (var (name, values) in columns)
            builder.AddColumn(name, TypeOf(values));
        Schema = builder.ToSchema();
    }

    public DataViewSchema Schema { get; }

    public bool CanShuffle => false;

    public long? GetRowCount() => _count;

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null) => new Cursor(this, columnsNeeded);

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null) =>
        [GetRowCursor(columnsNeeded, rand)];

    /// <summary>Texts as a column.</summary>
    public static Array Texts(IEnumerable<string?> values) => values.Select(value => value.AsMemory()).ToArray();

    /// <summary>Several texts a row as a column.</summary>
    public static Array Vectors(IEnumerable<IEnumerable<string>> values) => values.Select(row =>
    {
        ReadOnlyMemory<char>[] texts = [.. row.Select(text => text.AsMemory())];
        return new VBuffer<ReadOnlyMemory<char>>(texts.Length, texts);
    }).ToArray();

    private static DataViewType TypeOf(Array values) => values switch
    {
        sbyte[] => NumberDataViewType.SByte,
        byte[] => NumberDataViewType.Byte,
        short[] => NumberDataViewType.Int16,
        ushort[] => NumberDataViewType.UInt16,
        int[] => NumberDataViewType.Int32,
        uint[] => NumberDataViewType.UInt32,
        long[] => NumberDataViewType.Int64,
        ulong[] => NumberDataViewType.UInt64,
        float[] => NumberDataViewType.Single,
        double[] => NumberDataViewType.Double,
        bool[] => BooleanDataViewType.Instance,
        VBuffer<ReadOnlyMemory<char>>[] => new VectorDataViewType(TextDataViewType.Instance),
        _ => TextDataViewType.Instance,
    };

    private sealed class Cursor(ColumnView view, IEnumerable<DataViewSchema.Column> columns) : DataViewRowCursor
    {
        private readonly HashSet<int> _active = [.. columns.Select(column => column.Index)];
        private int _position = -1;
        private int _next;

        public override DataViewSchema Schema => view.Schema;

        public override long Position => _position;

        public override long Batch => 0;

        public override bool MoveNext()
        {
            // At the end it stays there, also for who asks again.
            _position = _next < view._count ? _next++ : -1;
            return _position >= 0;
        }

        public override bool IsColumnActive(DataViewSchema.Column column) => _active.Contains(column.Index);

        public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId id) => id = new DataViewRowId((ulong)_position, 0);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            // .NET takes an array of sbyte for one of byte, and so on.
            var values = view._values[column.Index];
            return values.GetType() == typeof(TValue[])
                ? (ref TValue value) => value = ((TValue[])values)[_position]
                : throw new InvalidOperationException($"The column '{column.Name}' holds {column.Type.RawType}, not {typeof(TValue)}.");
        }
    }
}
