using System.Globalization;
using System.Text;

namespace RealBackbone;

/// <summary>Results as Markdown: a section for each task, runs that differ in their seed alone in one row.</summary>
internal static class ResultTable
{
    private const int LossesOfAnEnd = 10;

    public static string Of(IReadOnlyList<RunResult> results)
    {
        var areSeveral = results.GroupBy(result => result.Settings with { Seed = null }).Any(group => group.Count() > 1);
        var text = new StringBuilder(areSeveral
            ? "Accuracy in percent, the mean of the seeds, with the 95 % interval of that share of the test rows (Wilson); in parentheses seed by seed. "
            : "Accuracy in percent, of one seed, with the 95 % interval of that share of the test rows (Wilson). ");
        text.Append("Loss: the mean of the first and of the last ten updates.\n");
        foreach (var task in results.GroupBy(result => result.Settings.Task).OrderBy(group => Experiment.Names.TakeWhile(name => name != group.Key).Count()))
        {
            List<Group> groups =
            [
                .. task.GroupBy(result => result.Settings with { Seed = null })
                    .Select(group => new Group(group.Key, [.. group.OrderBy(result => result.Settings.Seed)]))
                    .OrderBy(group => group.Order).ThenBy(group => group.Settings.Rate).ThenBy(group => group.Settings.Name, StringComparer.Ordinal),
            ];
            Append(text, $"\n### {task.Key}\n\n");
            AppendRuns(text, groups);
            var figures = groups.SelectMany(group => group.Results[0].Figures.Select(figure => figure.Name)).Distinct().ToList();
            text.Append('\n');
            AppendFigures(text, groups, figures);
        }
        return text.ToString();
    }

    private static void AppendRuns(StringBuilder text, List<Group> groups)
    {
        text.Append("| | backbone | device | trained parameters | rate | training rows | updates | test rows | loss | training, min | scoring, min |\n");
        text.Append("|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n");
        foreach (var group in groups)
        {
            var (settings, first) = (group.Settings, group.Results[0]);
            Append(text, $"| {group.Name} | {settings.Backbone} | {settings.Device}{(settings.Precision is { } precision ? $", {precision}" : "")} ");
            Append(text, $"| {first.Parameters:N0} | {settings.Rate:0.######} ");
            Append(text, $"| {first.TrainingRows:N0} | {Updates(first)} | {(settings.TestRows is { } rows ? $"{rows:N0}" : "all")} ");
            Append(text, $"| {Losses(group)} ");
            Append(text, $"| {group.Results.Average(result => result.TrainingSeconds) / 60:0.0} ");
            Append(text, $"| {group.Results.Average(result => result.ScoringSeconds) / 60:0.0} |\n");
        }
    }

    private static void AppendFigures(StringBuilder text, List<Group> groups, List<string> figures)
    {
        Append(text, $"| {string.Join(" | ", groups.Select(group => group.TitleAmong(groups)).Prepend("rows"))} |\n");
        Append(text, $"|---|{string.Concat(Enumerable.Repeat("--:|", groups.Count))}\n");
        foreach (var name in figures)
        {
            var rows = groups.SelectMany(group => group.FiguresOf(name)).Select(figure => figure.Rows).Distinct().Order().ToList();
            Append(text, $"| {name}, {string.Join(" or ", rows.Select(count => count.ToString("N0", CultureInfo.InvariantCulture)))} rows ");
            foreach (var group in groups)
                Append(text, $"| {Accuracy(group.FiguresOf(name))} ");
            text.Append("|\n");
            if (!groups.Exists(group => group.FiguresOf(name).Exists(figure => figure.LogLoss is not null)))
                continue;
            text.Append("| log loss ");
            foreach (var group in groups)
                Append(text, $"| {(group.FiguresOf(name) is { Count: > 0 } of ? of.Average(figure => figure.LogLoss) : null):0.000} ");
            text.Append("|\n");
        }
    }

    private static string Accuracy(List<Figure> figures)
    {
        if (figures.Count == 0)
            return "";
        var mean = figures.Average(figure => figure.Accuracy);
        var (lower, upper) = Figure.Interval(mean, figures[0].Rows);
        var text = FormattableString.Invariant($"{100 * mean:0.0} [{100 * lower:0.0}, {100 * upper:0.0}]");
        var each = figures.Select(figure => FormattableString.Invariant($"{100 * figure.Accuracy:0.0}"));
        return figures.Count == 1 ? text : $"{text} ({string.Join(", ", each)})";
    }

    private static string Updates(RunResult result) => result switch
    {
        { Losses.Count: 0 } => "",
        { Settings.Epochs: { } epochs } => FormattableString.Invariant($"{result.Losses.Count:N0} ({epochs} epochs)"),
        _ => result.Losses.Count.ToString("N0", CultureInfo.InvariantCulture),
    };

    private static string Losses(Group group)
    {
        if (group.Results[0].Losses.Count == 0)
            return "";
        var first = group.Results.Average(result => result.Losses.Take(LossesOfAnEnd).Average());
        var last = group.Results.Average(result => result.Losses.TakeLast(LossesOfAnEnd).Average());
        return FormattableString.Invariant($"{first:0.000}, {last:0.000}");
    }

    private static void Append(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture));

    /// <param name="Settings">What the runs have in common.</param>
    /// <param name="Results">The runs in the order of their seeds.</param>
    private sealed record Group(RunSettings Settings, IReadOnlyList<RunResult> Results)
    {
        public string Name => (Settings.Method switch
        {
            RunSettings.Features => "SdcaMaximumEntropy",
            RunSettings.Untuned => "untuned",
            "lora" => "LoRA",
            "moka" => "MoKA",
            var other => other,
        }) + Settings.Head switch
        {
            null => "",
            "mean" => ", head over the mean",
            _ => ", head over the last token",
        };

        /// <summary>Name and rate; where others have the same, also what they differ in.</summary>
        public string TitleAmong(List<Group> groups)
        {
            var alike = groups.Where(group => group.Title == Title).Select(group => group.Details).ToList();
            return string.Join(", ", Details.Where((detail, i) => alike.Exists(other => other[i] != detail)).Prepend(Title));
        }

        private string Title => string.Create(CultureInfo.InvariantCulture, $"{Name}{(Settings.Rate is { } rate ? $" {rate:0.######}" : "")}");

        private string[] Details =>
        [
            Settings.Backbone ?? "", Settings.Device, Settings.Precision?.ToString() ?? "",
            Settings.Steps is { } steps ? FormattableString.Invariant($"{steps} updates") : FormattableString.Invariant($"{Settings.Epochs} epochs"),
            Settings.TestRows is { } rows ? FormattableString.Invariant($"{rows} rows") : "all rows",
        ];

        /// <summary>Features, untuned, then what tunes.</summary>
        public int Order => Array.IndexOf([RunSettings.Features, RunSettings.Untuned, .. RunSettings.Adapters], Settings.Method);

        public List<Figure> FiguresOf(string name) => [.. Results.SelectMany(result => result.Figures).Where(figure => figure.Name == name)];
    }
}
