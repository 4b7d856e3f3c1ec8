using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.DataViews.Rows;

/// <summary>
/// Reads some rows ahead and computes them together: a batch costs far less than its rows one by one. A block of rows is computed when the first of its
/// values is fetched, so that rows which nobody looks at cost nothing.
/// </summary>
internal sealed class BlockCursor : DataViewRowCursor
{
    private readonly RowMapping _mapping;
    private readonly ActiveColumns _active;
    private readonly DataViewRowCursor _input;
    private readonly ViewRemarks _remarks;
    private readonly ValueGetter<DataViewRowId> _idGetter;
    private readonly Dictionary<int, ColumnBuffer> _passed = [];
    private readonly Func<PositionedRow>? _reader;
    private readonly bool _readsAhead;

    private readonly List<PositionedRow> _texts = [];
    private readonly List<(long Batch, DataViewRowId Id)> _rows = [];
    private readonly RowBlock _block;
    private bool _computed;
    private int _current = -1;
    private int _nextBlock;
    private long _position = -1;
    private bool _disposed;

    public BlockCursor(RowMapping mapping, ActiveColumns active, DataViewRowCursor input, long? rowCount, RowMemory memory, ViewRemarks remarks)
    {
        _mapping = mapping;
        _active = active;
        _input = input;
        _remarks = remarks;
        _idGetter = input.GetIdGetter();
        _reader = active.Computes ? mapping.Reader(input, active.ReadsLabel) : null;
        _block = mapping.Added.NewBlock(memory);
        _nextBlock = mapping.Added.FirstBlock(rowCount);
        // A column of objects with a life of their own (images) cannot be kept: then rows are computed one by one.
        _readsAhead = active.Computes && active.Passed.All(c => ColumnBuffer.CanHold(c.Type));
        if (_readsAhead)
            foreach (var column in active.Passed)
                _passed.Add(column.Index, ColumnBuffer.Create(input, column));
    }

    public override DataViewSchema Schema => _mapping.OutputSchema;

    public override long Position => _position;

    public override long Batch => _current < 0 ? _input.Batch : _rows[_current].Batch;

    public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId value) => value = _rows[Slot()].Id;

    public override bool IsColumnActive(DataViewSchema.Column column) => column.Index < _active.Wanted.Length && _active.Wanted[column.Index];

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        RowValues.CheckActive(this, column);
        var added = _mapping.AddedIndexOf(column);
        if (added >= 0)
            return RowValues.Typed<TValue>(column, _block.Getter(added, ComputedSlot));
        return _passed.TryGetValue(column.Index, out var buffer)
            ? RowValues.Typed<TValue>(column, buffer.Getter(Slot))
            : _input.GetGetter<TValue>(_mapping.InputSchema[column.Index]);
    }

    public override bool MoveNext()
    {
        if (_disposed)
            return false;
        if (++_current >= _rows.Count && !ReadBlock())
        {
            Dispose();
            return false;
        }
        _position++;
        return true;
    }

    protected override void Dispose(bool disposing)
    {
        if (!_disposed && disposing)
        {
            _disposed = true;
            _position = -1;
            _current = -1;
            _input.Dispose();
            _remarks.Tell(_block.Warnings);
        }
        base.Dispose(disposing);
    }

    private bool ReadBlock()
    {
        _texts.Clear();
        _rows.Clear();
        _computed = false;
        _current = 0;
        var size = _readsAhead ? _nextBlock : 1;
        _nextBlock = Math.Min(2 * _nextBlock, _mapping.Added.LargestBlock);
        while (_rows.Count < size && _input.MoveNext())
        {
            var id = default(DataViewRowId);
            _idGetter(ref id);
            foreach (var buffer in _passed.Values)
                buffer.Store(_rows.Count);
            if (_reader is not null)
                _texts.Add(_reader());
            _rows.Add((_input.Batch, id));
        }
        return _rows.Count > 0;
    }

    private int Slot() => _position < 0 ? throw RowValues.NoRow() : _current;

    private int ComputedSlot()
    {
        var slot = Slot();
        if (!_computed)
            _block.Compute(_texts);
        _computed = true;
        return slot;
    }
}
