using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.DataViews.Rows;

/// <summary>The rows of a source with a model's columns added; nothing is computed before a cursor is asked for them.</summary>
internal sealed class ComputedView(IDataView source, RowMapping mapping) : IDataView
{
    public DataViewSchema Schema => mapping.OutputSchema;

    public bool CanShuffle => source.CanShuffle;

    public long? GetRowCount() => source.GetRowCount();

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
    {
        var active = mapping.Activate(columnsNeeded);
        return new BlockCursor(mapping, active, source.GetRowCursor(active.InputColumns, rand), source.GetRowCount());
    }

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
    {
        var active = mapping.Activate(columnsNeeded);
        return [.. source.GetRowCursorSet(active.InputColumns, n, rand).Select(input => new BlockCursor(mapping, active, input, rowCount: null))];
    }
}
