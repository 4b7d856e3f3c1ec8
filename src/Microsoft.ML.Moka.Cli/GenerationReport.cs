using System.Globalization;
using System.Text;

namespace Microsoft.ML.Moka.Cli;

/// <summary>How often a model writes exactly what it should, on held-out rows.</summary>
internal static class GenerationReport
{
    private const int Shown = 3;

    /// <param name="terminal">Where it is shown how far it is.</param>
    /// <param name="context">The context.</param>
    /// <param name="model">The model.</param>
    /// <param name="data">The rows.</param>
    /// <param name="rows">What each of them asks, and what is to be written.</param>
    /// <param name="cancellation">Ends it.</param>
    public static TestReport Of(
        Terminal terminal, MLContext context, ITransformer model, IDataView data, IReadOnlyList<(string Asked, string Expected)> rows,
        CancellationToken cancellation)
    {
        var written = ScoredRows.Read(terminal, context.Data.CreateEnumerable<Written>(model.Transform(data), reuseRowObject: false), rows.Count, cancellation);
        var exact = rows.Zip(written).Count(pair => pair.First.Expected.Trim() == pair.Second.Generated.Trim());
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"Held-out rows        {rows.Count,9:N0}");
        text.AppendLine(CultureInfo.InvariantCulture, $"Exactly right        {100.0 * exact / rows.Count,8:0.0} %");
        foreach (var (row, answer) in rows.Zip(written).Take(Shown))
            text.AppendLine().AppendLine($"  {OneLine(row.Asked)}").AppendLine($"    wrote:    {OneLine(answer.Generated)}")
                .AppendLine($"    expected: {OneLine(row.Expected)}");
        return new TestReport(text.ToString(), new GenerationNumbers(rows.Count, (double)exact / rows.Count));
    }

    /// <summary>Says before anything is trained that there would be nothing to measure.</summary>
    /// <param name="rows">The held-out rows.</param>
    /// <exception cref="InvalidDataException">No row has a text that is to be written.</exception>
    public static void RequireTexts(IReadOnlyList<(string Asked, string Expected)> rows)
    {
        if (!rows.Any(row => row.Expected.Trim().Length > 0))
            throw new InvalidDataException($"None of the {rows.Count} held-out rows has a text that is to be written: there is nothing to measure.");
    }

    private static string OneLine(string text)
    {
        var line = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return line.Length <= 100 ? line : line[..99] + "…";
    }

    private sealed class Written
    {
        public string Generated { get; set; } = "";
    }
}

/// <summary>The same for scripts.</summary>
internal sealed record GenerationNumbers(int Rows, double ExactlyRight);
