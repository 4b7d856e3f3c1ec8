using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Evaluation.Benchmarks;

/// <summary>
/// Reads the forms in which the tasks' authors publish their rows, one JSON object a line, and those in which dataset libraries write the same fields. Files
/// without labels (hidden test sets, labels in a file of their own) are refused.
/// </summary>
internal static partial class RawForm
{
    /// <summary>A question with its choices and the number of the right one.</summary>
    /// <param name="row">The row.</param>
    /// <param name="question">The bare question.</param>
    /// <param name="choices">The choices' texts.</param>
    /// <param name="label">The field with the number.</param>
    /// <param name="first">The number of the first choice.</param>
    public static ChoiceQuestion Numbered(JsonFields row, string question, string[] choices, string label, int first) =>
        int.TryParse(row.Label(label), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= first && number < first + choices.Length
            ? new ChoiceQuestion(question, null, choices, number - first)
            : throw row.Error(label, $"must be a number from {first} to {first + choices.Length - 1}; found '{row.Label(label)}'");

    /// <summary>BoolQ: a question with its passage, true or false.</summary>
    public static ChoiceQuestion TrueOrFalse(JsonFields row)
    {
        var name = row.Has("answer") ? "answer" : "label";
        var isTrue = row.Label(name) switch
        {
            "true" or "1" or "True" => true,
            "false" or "0" or "False" => false,
            var other => throw row.Error(name, $"must be true or false; found '{other}'"),
        };
        return new ChoiceQuestion(row.Text("question"), row.OptionalText("passage"), ["true", "false"], isTrue ? 0 : 1);
    }

    /// <summary>ARC and OpenBookQA: choices with labels of their own, A to E or 1 to 5.</summary>
    public static ChoiceQuestion Lettered(JsonFields row, int mostChoices)
    {
        var inner = row.IsObject("question") ? row.Object("question")! : row;
        var question = inner.OptionalText("stem") ?? row.OptionalText("question_stem") ?? row.Text("question");
        var (texts, labels) = inner.IsList("choices")
            ? (inner.Objects("choices").Select(c => c.Text("text")).ToArray(), inner.Objects("choices").Select(c => c.Label("label")).ToArray())
            : inner.Object("choices") is { } lists
                ? (lists.TextList("text"), lists.TextList("label"))
                : throw inner.Error("choices", "is missing");
        var key = row.Label("answerKey");
        var label = labels.IndexOf(key);
        if (texts.Length < 2 || texts.Length > mostChoices || texts.Length != labels.Length)
            throw inner.Error("choices", $"must have 2 to {mostChoices} choices with a label each; found {texts.Length} texts and {labels.Length} labels");
        return label >= 0
            ? new ChoiceQuestion(question, null, texts, label)
            : throw row.Error("answerKey", $"is '{key}', and the choices are '{string.Join("', '", labels)}'");
    }

    /// <summary>HellaSwag's, without WikiHow's markers; lm-evaluation-harness puts the parts of its text together like this.</summary>
    public static ChoiceQuestion Endings(JsonFields row)
    {
        var second = row.OptionalText("ctx_b") ?? "";
        if (second.Length > 0)
            second = char.ToUpperInvariant(second[0]) + second[1..].ToLowerInvariant();
        var text = $"{row.Text("activity_label")}: {(row.OptionalText("ctx_a") is { } first ? $"{first} {second}" : row.Text("ctx"))}";
        return Numbered(row, Clean(text), [.. row.TextList("endings").Select(Clean)], "label", first: 0);
    }

    private static string Clean(string text) =>
        Markers().Replace(text.Trim().Replace(" [title]", ". ", StringComparison.Ordinal), "").Replace("  ", " ", StringComparison.Ordinal);

    [GeneratedRegex(@"\[.*?\]", RegexOptions.CultureInvariant)]
    private static partial Regex Markers();
}
