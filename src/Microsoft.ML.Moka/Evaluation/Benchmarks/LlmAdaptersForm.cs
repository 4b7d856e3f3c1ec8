using System.Text;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Evaluation.Benchmarks;

/// <summary>The instructions of LLM-Adapters' commonsense data: reads their parts, and makes them of questions in other forms.</summary>
internal static class LlmAdaptersForm
{
    private const string AnswerFormat = "Answer format: ";
    private const string OutputStart = "the correct answer is ";

    /// <summary>
    /// Reads a row with instruction, input, output and answer; <paramref name="task"/> is null where the file is of several tasks or of others.
    /// </summary>
    public static BenchmarkRow Read(JsonFields row, BenchmarkTask? task)
    {
        var instruction = row.Text("instruction");
        var start = instruction.LastIndexOf(AnswerFormat, StringComparison.Ordinal);
        var candidates = start < 0 ? [] : instruction[(start + AnswerFormat.Length)..].Trim().Split('/');
        if (candidates.Length < 2)
            throw row.Error("instruction", $"does not end in '{AnswerFormat}' and answer words with '/' between them");
        var answer = row.OptionalText("answer") ?? AnswerOf(row.Text("output"));
        if (!candidates.Contains(answer))
            throw row.Error(
                row.Has("answer") ? "answer" : "output", $"is '{answer}', and the instruction's answer format has '{string.Join("', '", candidates)}'");
        if (task is not null && candidates.Except(task.AnswerWords).FirstOrDefault() is { } foreign)
            throw row.Error("instruction",
                $"has '{foreign}' in its answer format, which is no answer word of {task.Name}: that has '{string.Join("', '", task.AnswerWords)}'");
        return new BenchmarkRow
        {
            Task = task?.Name ?? "",
            Instruction = instruction,
            Input = row.OptionalText("input") ?? "",
            Output = row.OptionalText("output") ?? OutputStart + answer,
            Candidates = candidates,
            Label = answer,
        };
    }

    /// <summary>Takes an instruction apart; null where it is not of the task's form.</summary>
    public static ChoiceQuestion? Parse(BenchmarkTask task, BenchmarkRow row)
    {
        var (opening, mark, separator, ending) = task.Instruction;
        var text = row.Instruction;
        var end = text.LastIndexOf(ending + AnswerFormat, StringComparison.Ordinal);
        if (end < 0 || !text.StartsWith(opening, StringComparison.Ordinal))
            return null;
        text = text[opening.Length..end];
        var label = row.Candidates.IndexOf(row.Label);
        if (mark.Length == 0)
            return new ChoiceQuestion(text, null, row.Candidates, label);
        var choices = new List<string>();
        var question = Before($"\n\n{mark}1: ");
        while (text is not null && choices.Count < row.Candidates.Length - 1)
            choices.Add(Before($"{separator}{mark}{choices.Count + 2}: ") ?? "");
        return question is null || text is null ? null : new ChoiceQuestion(question, null, [.. choices, text], label);

        string? Before(string border)
        {
            var place = text!.IndexOf(border, StringComparison.Ordinal);
            var before = place < 0 ? null : text[..place];
            text = place < 0 ? null : text[(place + border.Length)..];
            return before;
        }
    }

    /// <summary>Puts a question into the form.</summary>
    public static BenchmarkRow Render(BenchmarkTask task, ChoiceQuestion question)
    {
        var (opening, mark, separator, ending) = task.Instruction;
        string[] words = [.. task.AnswerWords.Take(question.Choices.Count)];
        var text = new StringBuilder(opening).Append(question.Question);
        if (mark.Length == 0 && !question.Question.EndsWith('?'))
            text.Append('?');
        for (var i = 0; mark.Length > 0 && i < words.Length; i++)
            text.Append(i == 0 ? "\n\n" : separator).Append(mark).Append(i + 1).Append(": ").Append(question.Choices[i]);
        return new BenchmarkRow
        {
            Task = task.Name,
            Instruction = text.Append(ending).Append(AnswerFormat).AppendJoin('/', words).ToString(),
            Input = "",
            Output = OutputStart + words[question.Label],
            Candidates = words,
            Label = words[question.Label],
        };
    }

    private static string AnswerOf(string output) =>
        output.StartsWith(OutputStart, StringComparison.Ordinal) ? output[OutputStart.Length..].TrimEnd('.', ' ') : output;
}
