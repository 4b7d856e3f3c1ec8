using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.DataViews.Rows;

/// <summary>One row at a time, as a prediction engine asks for it: computed when a value is first fetched at a new position.</summary>
internal sealed class ComputedRow : DataViewRow
{
    private readonly RowMapping _mapping;
    private readonly ActiveColumns _active;
    private readonly DataViewRow _input;
    private readonly Func<PositionedRow>? _reader;
    private readonly RowBlock _block;
    private long _computedPosition = -1;

    public ComputedRow(RowMapping mapping, ActiveColumns active, DataViewRow input)
    {
        _mapping = mapping;
        _active = active;
        _input = input;
        _reader = active.Computes ? mapping.Reader(input, active.ReadsLabel) : null;
        _block = mapping.Added.NewBlock(RowMemory.None);
    }

    public override DataViewSchema Schema => _mapping.OutputSchema;

    public override long Position => _input.Position;

    public override long Batch => _input.Batch;

    public override ValueGetter<DataViewRowId> GetIdGetter() => _input.GetIdGetter();

    public override bool IsColumnActive(DataViewSchema.Column column) => column.Index < _active.Wanted.Length && _active.Wanted[column.Index];

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        RowValues.CheckActive(this, column);
        var added = _mapping.AddedIndexOf(column);
        return added < 0
            ? _input.GetGetter<TValue>(_mapping.InputSchema[column.Index])
            : RowValues.Typed<TValue>(column, _block.Getter(added, ComputedSlot));
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _input.Dispose();
        base.Dispose(disposing);
    }

    private int ComputedSlot()
    {
        if (_input.Position < 0)
            throw RowValues.NoRow();
        if (_computedPosition != _input.Position)
        {
            _computedPosition = -1;
            _block.Compute([_reader!()]);
            _computedPosition = _input.Position;
            _mapping.Added.WarnOnce(_mapping.Host, _block.Warnings);
        }
        return 0;
    }
}
