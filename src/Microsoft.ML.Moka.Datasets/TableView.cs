using System.Globalization;
using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Datasets;

/// <summary>A table as rows of ML.NET.</summary>
internal sealed class TableView : IDataView
{
    private readonly Array[] _values;
    private readonly int _count;

    /// <exception cref="InvalidDataException">A number is too large for what ML.NET computes with.</exception>
    public TableView(Table table)
    {
        _count = table.Rows.Count;
        _values = [.. table.Columns.Select((_, column) => ValuesOf(table, column))];
        var builder = new DataViewSchema.Builder();
        for (var column = 0; column < _values.Length; column++)
            builder.AddColumn(table.Columns[column], TypeOf(_values[column]));
        Schema = builder.ToSchema();
    }

    public DataViewSchema Schema { get; }

    public bool CanShuffle => false;

    public long? GetRowCount() => _count;

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null) => new Cursor(this, columnsNeeded);

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null) =>
        [GetRowCursor(columnsNeeded, rand)];

    private static DataViewType TypeOf(Array values) => values switch
    {
        long[] => NumberDataViewType.Int64,
        float[] => NumberDataViewType.Single,
        bool[] => BooleanDataViewType.Instance,
        _ => TextDataViewType.Instance,
    };

    private static Array ValuesOf(Table table, int column)
    {
        var values = table.Rows.Select(row => row.Values[column]).ToList();
        var isWhole = !values.Contains(null);
        return table.KindOf(column) switch
        {
            ValueKind.Whole when isWhole => values.Select(value => long.Parse(value!, CultureInfo.InvariantCulture)).ToArray(),
            ValueKind.Whole or ValueKind.Number => values.Select((value, row) => NumberOf(value, table, column, row)).ToArray(),
            ValueKind.Boolean when isWhole => values.Select(value => value == "true").ToArray(),
            _ => values.Select(value => value.AsMemory()).ToArray(),
        };
    }

    private static float NumberOf(string? value, Table table, int column, int row)
    {
        if (value is null)
            return float.NaN;
        var number = double.Parse(value, CultureInfo.InvariantCulture);
        return float.IsFinite((float)number) || !double.IsFinite(number)
            ? (float)number
            : throw new InvalidDataException(
                $"{table.Path}, line {table.Rows[row].Line}: '{table.Columns[column]}' is {value}, which is too large a number for ML.NET's Single.");
    }

    private sealed class Cursor(TableView view, IEnumerable<DataViewSchema.Column> columns) : DataViewRowCursor
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
            var values = view._values[column.Index] as TValue[]
                ?? throw new InvalidOperationException($"The column '{column.Name}' holds {column.Type.RawType}, not {typeof(TValue)}.");
            return (ref TValue value) => value = values[_position];
        }
    }
}
