using System.Globalization;
using System.Text.RegularExpressions;

namespace Microsoft.ML.Moka.Evaluation.Benchmarks;

/// <summary>
/// The forms in which the tasks' authors publish their rows, one JSON object a line, and those in which dataset libraries write the same fields. Files without
/// labels (hidden test sets, labels in a file of their own) are refused.
/// </summary>
internal static partial class TaskForms
{
    public static ChoiceQuestion Read(JsonRow row, BenchmarkTask task)
    {
        if (task == BenchmarkTask.BoolQ)
            return new ChoiceQuestion(task, row.Text("question"), row.OptionalText("passage"), task.AnswerWords, IsTrue(row) ? 0 : 1);
        if (task == BenchmarkTask.Piqa)
            return Question(row.Text("goal"), [row.Text("sol1"), row.Text("sol2")], "label", first: 0);
        if (task == BenchmarkTask.Siqa)
            return Question($"{row.Text("context")} {row.Text("question")}", [row.Text("answerA"), row.Text("answerB"), row.Text("answerC")], "label", first: 1);
        if (task == BenchmarkTask.HellaSwag)
            return Question(HellaSwagText(row), [.. row.Texts("endings").Select(Clean)], "label", first: 0);
        return task == BenchmarkTask.WinoGrande
            ? Question(row.Text("sentence"), [row.Text("option1"), row.Text("option2")], "answer", first: 1)
            : WithLetters(row, task);

        ChoiceQuestion Question(string text, string[] choices, string label, int first) =>
            int.TryParse(row.Label(label), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= first && number < first + choices.Length
                ? new ChoiceQuestion(task, text, null, choices, number - first)
                : throw row.Error($"'{label}' must be a number from {first} to {first + choices.Length - 1}; found '{row.Label(label)}'");
    }

    private static bool IsTrue(JsonRow row)
    {
        var name = row.Has("answer") ? "answer" : "label";
        return row.Label(name) switch
        {
            "true" or "1" or "True" => true,
            "false" or "0" or "False" => false,
            var other => throw row.Error($"'{name}' must be true or false; found '{other}'"),
        };
    }

    /// <summary>ARC and OpenBookQA: choices with labels of their own, A to E or 1 to 5.</summary>
    private static ChoiceQuestion WithLetters(JsonRow row, BenchmarkTask task)
    {
        var inner = row.IsObject("question") ? row.Object("question") : row;
        var question = inner.OptionalText("stem") ?? row.OptionalText("question_stem") ?? row.Text("question");
        var (texts, labels) = inner.IsArray("choices")
            ? (inner.Objects("choices").Select(c => c.Text("text")).ToArray(), inner.Objects("choices").Select(c => c.Label("label")).ToArray())
            : (inner.Object("choices").Texts("text"), inner.Object("choices").Texts("label"));
        var key = row.Label("answerKey");
        var label = labels.IndexOf(key);
        if (texts.Length < 2 || texts.Length > task.AnswerWords.Count || texts.Length != labels.Length)
            throw row.Error($"there must be 2 to {task.AnswerWords.Count} choices with a label each; found {texts.Length} texts and {labels.Length} labels");
        return label >= 0
            ? new ChoiceQuestion(task, question, null, texts, label)
            : throw row.Error($"'answerKey' is '{key}', and the choices are '{string.Join("', '", labels)}'");
    }

    // lm-evaluation-harness puts the parts together like this.
    private static string HellaSwagText(JsonRow row)
    {
        var second = row.OptionalText("ctx_b") ?? "";
        if (second.Length > 0)
            second = char.ToUpperInvariant(second[0]) + second[1..].ToLowerInvariant();
        return Clean($"{row.Text("activity_label")}: {(row.OptionalText("ctx_a") is { } first ? $"{first} {second}" : row.Text("ctx"))}");
    }

    /// <summary>WikiHow's markers go.</summary>
    private static string Clean(string text) => Markers().Replace(text.Trim().Replace(" [title]", ". ", StringComparison.Ordinal), "").Replace("  ", " ", StringComparison.Ordinal);

    [GeneratedRegex(@"\[.*?\]", RegexOptions.CultureInvariant)]
    private static partial Regex Markers();
}
