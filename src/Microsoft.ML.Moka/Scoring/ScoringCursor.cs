using Microsoft.ML.Data;
using Microsoft.ML.Moka.Columns;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Scoring;

/// <summary>
/// Reads some rows ahead and scores them together: a batch costs far less than its rows one by one. A block of rows is scored when the first of its
/// scores is fetched, so that rows which nobody looks at cost nothing.
/// </summary>
internal sealed class ScoringCursor : DataViewRowCursor
{
    private const int FirstBlock = 8;
    private const int LargestBlock = 64;

    private readonly RowMapping _mapping;
    private readonly ActiveColumns _active;
    private readonly DataViewRowCursor _input;
    private readonly ValueGetter<DataViewRowId> _idGetter;
    private readonly Dictionary<int, ColumnBuffer> _passed = [];
    private readonly Func<PositionedRow>? _reader;
    private readonly bool _readsAhead;

    private readonly List<PositionedRow> _texts = [];
    private readonly List<(long Batch, DataViewRowId Id)> _rows = [];
    private float[] _scores = [];
    private bool _scored;
    private long _cutPrompts;
    private long _unknownCandidates;
    private int _current = -1;
    private int _nextBlock = FirstBlock;
    private long _position = -1;
    private bool _disposed;

    public ScoringCursor(RowMapping mapping, ActiveColumns active, DataViewRowCursor input)
    {
        _mapping = mapping;
        _active = active;
        _input = input;
        _idGetter = input.GetIdGetter();
        _reader = active.Scores ? mapping.Reader(input) : null;
        // A column of objects with a life of their own (images) cannot be kept: then rows are scored one by one.
        _readsAhead = active.Scores && active.Passed.All(c => ColumnBuffer.CanHold(c.Type));
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
        if (column.Index == _mapping.PredictedLabelIndex)
            return RowValues.PredictedLabelGetter<TValue>(column, CurrentScores);
        if (column.Index == _mapping.ScoreIndex)
            return RowValues.ScoreGetter<TValue>(column, CurrentScores);
        return _passed.TryGetValue(column.Index, out var buffer)
            ? buffer.Getter(Slot) as ValueGetter<TValue> ?? throw RowValues.WrongType<TValue>(column)
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
            Warn();
        }
        base.Dispose(disposing);
    }

    private bool ReadBlock()
    {
        _texts.Clear();
        _rows.Clear();
        _scored = false;
        _current = 0;
        var size = _readsAhead ? _nextBlock : 1;
        _nextBlock = Math.Min(2 * _nextBlock, LargestBlock);
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

    private void Warn()
    {
        if (_cutPrompts == 0 && _unknownCandidates == 0)
            return;
        using var channel = _mapping.Host.Start("Scoring");
        if (_cutPrompts > 0)
            channel.Warning(MessageSensitivity.None, $"Prompts that were too long and lost their beginning: {_cutPrompts}.");
        if (_unknownCandidates > 0)
            channel.Warning(MessageSensitivity.None, $"Rows with candidates that are no values of the label that was trained on, and are never chosen: {_unknownCandidates}.");
    }

    private int Slot() => _position < 0 ? throw RowValues.NoRow() : _current;

    private ReadOnlySpan<float> CurrentScores()
    {
        var slot = Slot();
        var width = _mapping.Scorer.WordCount;
        if (!_scored)
        {
            if (_scores.Length < _texts.Count * width)
                _scores = new float[_texts.Count * width];
            var notes = _mapping.Scorer.Score(_texts, _scores.AsSpan(0, _texts.Count * width));
            _scored = true;
            _cutPrompts += notes.CutPrompts;
            _unknownCandidates += notes.RowsWithUnknownCandidates;
        }
        return _scores.AsSpan(slot * width, width);
    }
}
