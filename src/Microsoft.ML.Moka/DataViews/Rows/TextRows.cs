using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.DataViews.Rows;

/// <summary>Texts as rows of one column.</summary>
internal sealed class TextRows(string column, IReadOnlyList<string> texts) : IDataView
{
    public DataViewSchema Schema { get; } = SchemaOf(column);

    public bool CanShuffle => false;

    public long? GetRowCount() => texts.Count;

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null) => new Cursor(Schema, texts);

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null) =>
        [GetRowCursor(columnsNeeded, rand)];

    private static DataViewSchema SchemaOf(string column)
    {
        var builder = new DataViewSchema.Builder();
        builder.AddColumn(column, TextDataViewType.Instance);
        return builder.ToSchema();
    }

    private sealed class Cursor(DataViewSchema schema, IReadOnlyList<string> texts) : DataViewRowCursor
    {
        private int _position = -1;
        private bool _hasEnded;

        public override DataViewSchema Schema => schema;

        public override long Position => _position;

        public override long Batch => 0;

        public override bool MoveNext()
        {
            _hasEnded |= _position + 1 >= texts.Count;
            _position = _hasEnded ? -1 : _position + 1;
            return !_hasEnded;
        }

        public override bool IsColumnActive(DataViewSchema.Column column) => true;

        public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId id) => id = new DataViewRowId((ulong)_position, 0);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column) => RowValues.Typed<TValue>(
            column, (ValueGetter<ReadOnlyMemory<char>>)((ref ReadOnlyMemory<char> value) => value = texts[_position].AsMemory()));
    }
}
