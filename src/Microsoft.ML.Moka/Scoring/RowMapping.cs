using Microsoft.ML.Data;
using Microsoft.ML.Moka.Columns;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Scoring;

/// <summary>
/// A transformer bound to an input schema: which columns it reads, which it passes through, and the two that it adds behind them.
/// </summary>
internal sealed class RowMapping : IRowToRowMapper
{
    private readonly InputColumns _inputs;
    private readonly IReadOnlyList<DataViewSchema.Column> _inputColumns;
    private readonly IReadOnlyList<string> _words;

    /// <exception cref="ArgumentOutOfRangeException">The schema lacks a column that the prompt is made of.</exception>
    public RowMapping(IHost host, RowScorer scorer, InputColumns inputs, OutputColumns outputs, IReadOnlyList<string> words, DataViewSchema inputSchema)
    {
        Host = host;
        Scorer = scorer;
        _inputs = inputs;
        _inputColumns = inputs.In(inputSchema);
        _words = words;
        InputSchema = inputSchema;
        OutputSchema = outputs.AddTo(inputSchema);
    }

    public IHost Host { get; }

    public RowScorer Scorer { get; }

    public DataViewSchema InputSchema { get; }

    public DataViewSchema OutputSchema { get; }

    public int PredictedLabelIndex => InputSchema.Count;

    public int ScoreIndex => InputSchema.Count + 1;

    /// <summary>Reads the row that <paramref name="row"/> stands on, each time that it is called.</summary>
    public Func<PositionedRow> Reader(DataViewRow row)
    {
        var prompt = _inputs.Reader(row, InputSchema, _words);
        return () => new PositionedRow(row.Position, prompt());
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
        var scores = wanted[PredictedLabelIndex] || wanted[ScoreIndex];
        var read = scores ? _inputColumns : [];
        var passed = InputSchema.Where(c => wanted[c.Index]).ToArray();
        return new ActiveColumns(wanted, scores, passed, [.. passed.Concat(read).DistinctBy(c => c.Index).OrderBy(c => c.Index)]);
    }

    public IEnumerable<DataViewSchema.Column> GetDependencies(IEnumerable<DataViewSchema.Column> dependingColumns) =>
        Activate(dependingColumns).InputColumns;

    public DataViewRow GetRow(DataViewRow input, IEnumerable<DataViewSchema.Column> activeColumns)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(activeColumns);
        if (input.Schema != InputSchema)
            throw new ArgumentException("The row's schema is not the one that this mapper was made for.", nameof(input));
        return new ScoredRow(this, Activate(activeColumns), input);
    }
}

/// <summary>The columns that a cursor or row was asked for.</summary>
/// <param name="Wanted">By index of the output schema.</param>
/// <param name="Scores">PredictedLabel or Score is among them.</param>
/// <param name="Passed">The input's columns among them.</param>
/// <param name="InputColumns">What the input must have active: the passed columns and, to score, those that the prompt is made of.</param>
internal sealed record ActiveColumns(
    bool[] Wanted, bool Scores, IReadOnlyList<DataViewSchema.Column> Passed, IReadOnlyList<DataViewSchema.Column> InputColumns);
