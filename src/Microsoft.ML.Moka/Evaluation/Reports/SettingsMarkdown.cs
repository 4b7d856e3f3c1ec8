using System.Globalization;
using System.Text;
using static System.FormattableString;
using static Microsoft.ML.Moka.Evaluation.Reports.MarkdownText;

namespace Microsoft.ML.Moka.Evaluation.Reports;

/// <summary>What was set in an evaluation, as Markdown.</summary>
internal static class SettingsMarkdown
{
    public static void Write(MarkdownText text, EvaluationContent evaluation)
    {
        text.Heading(3, "Settings").Table(["", ""],
        [
            .. evaluation.Settings.Where(setting => !setting.Key.StartsWith(ReportContent.DataOf, StringComparison.Ordinal)).Select(setting =>
                (string[])[Escaped(setting.Key), Value(setting.Value)]),
            ["device", Value(evaluation.Device)],
            .. Tuning(evaluation.Tuning).Select(row => (string[])[row.Name, row.Value]),
        ], numbers: false);
        text.Paragraph($"The evaluation itself draws nothing by chance: it has no seed.");
        if (evaluation.Prompt is not { } prompt)
        {
            text.Paragraph($"Prompts are lm-evaluation-harness' own, task by task.");
            return;
        }
        text.Folded("The prompt, with its blanks at the ends of lines as ·", inner =>
        {
            inner.Verbatim(Visible(prompt.Text));
            if (prompt.TextWithoutInput is { } without)
                inner.Paragraph($"of a row without input:").Verbatim(Visible(without));
            inner.Paragraph($"and before the answer word:").Verbatim(Visible(prompt.AnswerPrefix));
        });
    }

    /// <summary>The files of questions, once for all evaluations.</summary>
    public static void WriteData(MarkdownText text, IReadOnlyList<EvaluationContent> evaluations) => text.Heading(2, "Data").Table(
        ["task", "rows", "SHA-256 of the file"],
        evaluations.SelectMany(evaluation => evaluation.Tasks).Select(task => (task.Task, task.Rows, task.Data)).Distinct()
            .Select(data => (string[])[Escaped(data.Task), Invariant($"{data.Rows}"), Value(data.Data)]),
        numbers: false);

    /// <summary>A setting in a cell; null where it is not set.</summary>
    public static string Value(string? value) => value is null
        ? "not set"
        : $"`{value.Replace("|", "\\|", StringComparison.Ordinal).Replace('`', '\'').ReplaceLineEndings(" ")}`";

    private static IEnumerable<(string Name, string Value)> Tuning(Evaluation.TuningSummary? tuning)
    {
        if (tuning is null)
            yield break;
        yield return ("adapter", Value(tuning.Adapter));
        var share = 100.0 * tuning.ParameterCount / tuning.BackboneParameterCount;
        yield return ("adapter's parameters", Invariant($"{tuning.ParameterCount} ({share:0.###} % of the backbone's {tuning.BackboneParameterCount})"));
        if (tuning.Training is not { } training)
        {
            yield return ("training", "not known");
            yield break;
        }
        var length = training.Steps is { } steps ? Invariant($"{steps} updates") : Invariant($"{training.Epochs} epochs");
        yield return ("training", Invariant($"{training.Rows} rows, {length}, learning rate {training.LearningRate:0.######}"));
        yield return ("training seed", training.Seed.ToString(CultureInfo.InvariantCulture));
        yield return ("loss in training", training.TrainOnPrompt ? "on prompt and answer" : "on the answer alone (prompt masked)");
    }

    /// <summary>Blanks before the end of a line, which no reader would see, as dots.</summary>
    private static string Visible(string text)
    {
        var lines = text.Split('\n');
        var visible = new StringBuilder();
        for (var i = 0; i < lines.Length; i++)
        {
            var end = lines[i].TrimEnd(' ').Length;
            visible.Append(i == 0 ? "" : "\n").Append(lines[i], 0, end).Append('·', lines[i].Length - end);
        }
        return visible.ToString();
    }
}
