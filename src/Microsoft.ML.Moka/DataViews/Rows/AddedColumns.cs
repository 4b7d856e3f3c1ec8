using System.Collections.Concurrent;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.DataViews.Rows;

/// <summary>The columns that a model adds to rows, and what computes them. Any number of cursors and rows share it.</summary>
/// <param name="others">Columns of the same model, which tell once with these what is told once.</param>
internal abstract class AddedColumns(AddedColumns? others = null)
{
    private readonly ConcurrentDictionary<string, bool> _told = others?._told ?? new(StringComparer.Ordinal);

    /// <summary>What the work is called in the log.</summary>
    public abstract string Work { get; }

    /// <summary>How many rows the first block of a cursor has; each next one has twice as many.</summary>
    /// <param name="rowCount">How many rows there are; null where nobody knows.</param>
    public abstract int FirstBlock(long? rowCount);

    /// <summary>The most rows of a block.</summary>
    public abstract int LargestBlock { get; }

    /// <summary>The input's columns with their indices, then those that are added.</summary>
    public abstract DataViewSchema AddTo(DataViewSchema input);

    /// <summary>A column of labels that is read beside those that the prompt is made of; null where there is none.</summary>
    public virtual DataViewSchema.Column? LabelIn(DataViewSchema input) => null;

    /// <summary>What computes rows for one cursor, on one thread at a time.</summary>
    /// <param name="memory">What is kept of the view's rows.</param>
    public abstract RowBlock NewBlock(RowMemory memory);

    /// <summary>Tells what was noticed about a row that came alone: the first time, for there may be millions of them.</summary>
    public void WarnOnce(IHost host, IEnumerable<RowWarning> warnings)
    {
        foreach (var warning in warnings)
        {
            if (!_told.TryAdd(warning.Problem, true))
                continue;
            using var channel = host.Start(Work);
            channel.Warning(MessageSensitivity.None, $"{warning.Problem}: {warning.Rows}. Of rows that come one by one, this is said once for a model.");
        }
    }
}

/// <summary>Something that is wrong with rows, and with how many.</summary>
internal readonly record struct RowWarning(string Problem, long Rows)
{
    /// <summary>What is told of prompts that were too long.</summary>
    public static RowWarning CutPrompts(long count) => new("Prompts that were too long and lost their beginning", count);

    /// <summary>What is told of texts that are to be answered and are none.</summary>
    public static RowWarning NothingAsked(long count) => new("Rows whose instruction is blank, so that nothing was asked", count);
}

/// <summary>The added values of some rows that are computed together.</summary>
internal abstract class RowBlock
{
    /// <summary>What was noticed about all rows so far, for the log.</summary>
    public abstract IEnumerable<RowWarning> Warnings { get; }

    /// <summary>Computes the values of <paramref name="rows"/>, in place of those of the rows before.</summary>
    public abstract void Compute(IReadOnlyList<PositionedRow> rows);

    /// <summary>A <see cref="ValueGetter{TValue}"/> of an added column.</summary>
    /// <param name="added">The column, counted from 0 among the added ones.</param>
    /// <param name="slot">The place of the wanted row in the block; it has been computed when this returns.</param>
    public abstract Delegate Getter(int added, Func<int> slot);
}
