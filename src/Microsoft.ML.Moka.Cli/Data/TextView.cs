using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Cli.Data;

/// <summary>Texts as rows of a model's input: one column has them, and the others, such as the label that is to be found, have nothing.</summary>
internal sealed class TextView(DataViewSchema schema, DataViewSchema.Column text, IReadOnlyList<string> texts) : IDataView
{
    public DataViewSchema Schema => schema;

    public bool CanShuffle => false;

    public long? GetRowCount() => texts.Count;

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null) => new Cursor(schema, text.Index, texts);

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null) =>
        [GetRowCursor(columnsNeeded, rand)];

    private sealed class Cursor(DataViewSchema schema, int textIndex, IReadOnlyList<string> texts) : DataViewRowCursor
    {
        private int _position = -1;
        private int _next;

        public override DataViewSchema Schema => schema;

        public override long Position => _position;

        public override long Batch => 0;

        public override bool MoveNext()
        {
            // At the end it stays there, also for who asks again.
            if (_next >= texts.Count)
            {
                _position = -1;
                return false;
            }
            _position = _next++;
            return true;
        }

        public override bool IsColumnActive(DataViewSchema.Column column) => true;

        public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId id) => id = new DataViewRowId((ulong)_position, 0);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            if (column.Index != textIndex)
                return (ref TValue value) => value = default!;
            ValueGetter<ReadOnlyMemory<char>> getter = (ref ReadOnlyMemory<char> value) => value = texts[_position].AsMemory();
            return getter as ValueGetter<TValue> ?? throw new InvalidOperationException($"'{column.Name}' is a text.");
        }
    }
}
