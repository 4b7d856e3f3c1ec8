using Microsoft.ML.Data;
using Microsoft.ML.Moka.Cli.Data;

namespace Microsoft.ML.Moka.Cli;

/// <summary>Rows that are measured: they go through a model once, with a bar, and what is made of their scores afterwards costs no more.</summary>
internal static class ScoredRows
{
    /// <summary>The rows with what the model adds. The view keeps the scores.</summary>
    public static IDataView Of(Terminal terminal, ITransformer model, IDataView rows, CancellationToken cancellation)
    {
        var scored = model.Transform(rows);
        Read(terminal, scored.GetColumn<float[]>(ModelInput.ScoreIn(scored.Schema)!.Value), rows.GetRowCount(), cancellation);
        return scored;
    }

    /// <summary>What a row is made of, with a bar while it is made.</summary>
    public static List<T> Read<T>(Terminal terminal, IEnumerable<T> values, long? count, CancellationToken cancellation) =>
        ProgressDisplay.Run(terminal, "Evaluating", hasLines: false, display =>
        {
            var all = new List<T>();
            foreach (var value in values)
            {
                cancellation.ThrowIfCancellationRequested();
                all.Add(value);
                if (count is { } rows)
                    display.Show((double)all.Count / rows, FormattableString.Invariant($"{all.Count:N0} of {rows:N0}"));
            }
            return all;
        });
}
