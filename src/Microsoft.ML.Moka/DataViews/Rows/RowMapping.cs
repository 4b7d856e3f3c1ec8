using Microsoft.ML.Data;
using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.DataViews.Rows;

/// <summary>A row of a data view, ready to be encoded.</summary>
/// <param name="Position">Where it stands in the view, for errors.</param>
/// <param name="Prompt">Its texts and candidates.</param>
/// <param name="Label">The word of its own label; null where it has none, or nobody asks for it.</param>
internal readonly record struct PositionedRow(long Position, PromptRow Prompt, string? Label = null);

/// <summary>A transformer bound to an input schema: which columns it reads, which it passes through, and those that it adds behind them.</summary>
internal sealed class RowMapping : IRowToRowMapper
{
    private readonly InputColumns _inputs;
    private readonly IReadOnlyList<DataViewSchema.Column> _inputColumns;
    private readonly IReadOnlyList<string> _words;
    private readonly DataViewSchema.Column? _label;

    /// <param name="host">Logs.</param>
    /// <param name="inputs">The columns that the prompt is made of.</param>
    /// <param name="words">The candidates of a row that does not name any.</param>
    /// <param name="added">The columns that are added.</param>
    /// <param name="inputSchema">The columns of the rows.</param>
    /// <exception cref="ArgumentOutOfRangeException">The schema lacks a column that the prompt is made of.</exception>
    public RowMapping(IHost host, InputColumns inputs, IReadOnlyList<string> words, AddedColumns added, DataViewSchema inputSchema)
    {
        Host = host;
        _inputs = inputs;
        _label = added.LabelIn(inputSchema);
        _inputColumns = inputs.In(inputSchema);
        _words = words;
        Added = added;
        InputSchema = inputSchema;
        OutputSchema = added.AddTo(inputSchema);
    }

    public IHost Host { get; }

    public AddedColumns Added { get; }

    public DataViewSchema InputSchema { get; }

    public DataViewSchema OutputSchema { get; }

    /// <summary>The place of a column among the added ones; negative for a column of the input.</summary>
    public int AddedIndexOf(DataViewSchema.Column column) => column.Index - InputSchema.Count;

    /// <summary>Reads the row that <paramref name="row"/> stands on, each time that it is called.</summary>
    /// <param name="row">The row, in which the columns that are read are active.</param>
    /// <param name="readsLabel">Whether the rows' own labels are read.</param>
    public Func<PositionedRow> Reader(DataViewRow row, bool readsLabel)
    {
        var prompt = _inputs.Reader(row, InputSchema, _words);
        var label = _label is { } column && readsLabel ? LabelColumn.Reader(row, column) : () => null;
        return () => new PositionedRow(row.Position, prompt(), label());
    }

    /// <summary>Sorts out what the wanted columns of the output need of the input.</summary>
    public ActiveColumns Activate(IEnumerable<DataViewSchema.Column> outputColumns)
    {
        var wanted = new bool[OutputSchema.Count];
        foreach (var column in outputColumns)
        {
            if (column.Index >= wanted.Length || column.Name != OutputSchema[column.Index].Name)
                throw new ArgumentException($"The column '{column.Name}' does not belong to the output of this model.", nameof(outputColumns));
            wanted[column.Index] = true;
        }
        var computes = wanted.AsSpan(InputSchema.Count).Contains(true);
        // The labels as keys are added last, and need nothing else of the rows' labels.
        var readsLabel = _label is not null && wanted[^1];
        IEnumerable<DataViewSchema.Column> read = computes ? readsLabel ? _inputColumns.Append(_label!.Value) : _inputColumns : [];
        var passed = InputSchema.Where(c => wanted[c.Index]).ToArray();
        return new ActiveColumns(wanted, computes, passed, [.. passed.Concat(read).DistinctBy(c => c.Index).OrderBy(c => c.Index)], readsLabel);
    }

    public IEnumerable<DataViewSchema.Column> GetDependencies(IEnumerable<DataViewSchema.Column> dependingColumns) =>
        Activate(dependingColumns).InputColumns;

    public DataViewRow GetRow(DataViewRow input, IEnumerable<DataViewSchema.Column> activeColumns)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(activeColumns);
        if (input.Schema != InputSchema)
            throw new ArgumentException("The row's schema is not the one that this mapper was made for.", nameof(input));
        return new ComputedRow(this, Activate(activeColumns), input);
    }
}

/// <summary>The columns that a cursor or row was asked for.</summary>
/// <param name="Wanted">By index of the output schema.</param>
/// <param name="Computes">One of the added columns is among them.</param>
/// <param name="Passed">The input's columns among them.</param>
/// <param name="InputColumns">What the input must have active: the passed columns and, to compute others, those that the prompt is made of.</param>
/// <param name="ReadsLabel">Whether the rows' own labels are among those.</param>
internal sealed record ActiveColumns(
    bool[] Wanted, bool Computes, IReadOnlyList<DataViewSchema.Column> Passed, IReadOnlyList<DataViewSchema.Column> InputColumns, bool ReadsLabel);
