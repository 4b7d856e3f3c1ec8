using System.Globalization;
using System.Text;

namespace Microsoft.ML.Moka.Cli;

/// <summary>How often a model writes exactly what it should, on held-out rows.</summary>
internal static class GenerationReport
{
    private const int Shown = 3;

    public static TestReport Of(MLContext context, ITransformer model, List<InstructionRow> rows)
    {
        var written = context.Data.CreateEnumerable<Written>(model.Transform(context.Data.LoadFromEnumerable(rows)), reuseRowObject: false).ToList();
        var exact = rows.Zip(written).Count(pair => pair.First.Output.Trim() == pair.Second.Generated.Trim());
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"Held-out rows        {rows.Count,9:N0}");
        text.AppendLine(CultureInfo.InvariantCulture, $"Exactly right        {100.0 * exact / rows.Count,8:0.0} %");
        foreach (var (row, answer) in rows.Zip(written).Take(Shown))
            text.AppendLine().AppendLine($"  {OneLine(row.Instruction)}").AppendLine($"    wrote:    {OneLine(answer.Generated)}")
                .AppendLine($"    expected: {OneLine(row.Output)}");
        return new TestReport(text.ToString(), new { Rows = rows.Count, ExactlyRight = (double)exact / rows.Count });
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
