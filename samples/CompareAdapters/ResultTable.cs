using System.Globalization;
using System.Text;
using MathNet.Numerics.Statistics;

namespace CompareAdapters;

/// <summary>The comparison as a Markdown table, the highest accuracy first within each budget.</summary>
internal static class ResultTable
{
    public static string Of(ComparisonResult result)
    {
        var text = new StringBuilder();
        Append(text, $"{result.Backbone}, {result.BackboneParameters:N0} parameters; ");
        Append(text, $"{result.TestRows} {(result.IsMemory ? "facts to remember" : "held-out rows")}, ");
        Append(text, result.Contestants[0].Runs.Count is > 1 and var seeds
            ? (FormattableString)$"mean ± standard deviation of {seeds} seeds. "
            : $"one seed, so that nobody knows how far another one would be off. ");
        Append(text, $"Untuned: {result.Untuned:P1}; always the most frequent answer: {result.Majority:P1}.\n\n");
        text.Append(
            "| method | sizes | rank | trained parameters | learning rate | accuracy | log loss | step, ms | processor time of a step, ms | memory, MiB |\n");
        text.Append("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n");
        foreach (var contestant in result.Contestants.OrderBy(c => c.Contestant.Budget ?? long.MaxValue).ThenByDescending(c => c.MeanOf(run => run.Accuracy)))
            AppendRow(text, contestant);
        if (result.Contestants.Any(contestant => contestant.RateIsAtEdge))
            text.Append("\n\\* the smallest or largest learning rate that was tried: a better one may lie beyond.\n");
        foreach (var refusal in result.Refused)
            text.Append("\nLeft out: ").Append(refusal).Append('\n');
        return text.ToString();
    }

    private static void AppendRow(StringBuilder text, ContestantResult result)
    {
        var design = result.Contestant.Design;
        var edge = result.RateIsAtEdge ? "\\*" : "";
        Append(text, $"| {result.Contestant.Name} | {Sizes(design.ToString())} | {design.SmallestRank:N0} | {design.TrainableParameterCount:N0} ");
        Append(text, $"| {result.Rate:0.#####}{edge} ");
        Append(text, $"| {100 * result.MeanOf(run => run.Accuracy):0.0}{Deviation(100 * result.DeviationOf(run => run.Accuracy), "0.0")} % ");
        Append(text, $"| {result.MeanOf(run => run.LogLoss):0.000}{Deviation(result.DeviationOf(run => run.LogLoss), "0.000")} ");
        Append(text,
            $"| {result.Runs.Select(run => run.StepMilliseconds).Median():0.0} | {result.Runs.Select(run => run.ProcessorMilliseconds).Median():0.0} ");
        Append(text, $"| {result.MeanOf(run => run.MemoryMebibytes):0.0} |\n");
    }

    private static string Deviation(double? deviation, string format) =>
        deviation is { } value ? $" ± {value.ToString(format, CultureInfo.InvariantCulture)}" : "";

    /// <summary>What stands between the braces of the design's first line, "new CdkaAdapter { R1 = 2 } on …".</summary>
    private static string Sizes(string design)
    {
        var line = design.Split('\n', 2)[0];
        var (open, close) = (line.IndexOf('{'), line.LastIndexOf('}'));
        return open < 0 || close < open ? "defaults" : line[(open + 1)..close].Trim();
    }

    private static void Append(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture));
}
