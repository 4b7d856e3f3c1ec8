using System.Text.Json;
using EverydayWorld;

namespace Commonsense;

/// <summary>A row as ML.NET reads it: the instruction, the answer word, and the words that it may be.</summary>
internal sealed class Question
{
    private const string AnswerFormat = "Answer format: ";

    public required string Instruction { get; init; }

    public required string Input { get; init; }

    public required string[] Candidates { get; init; }

    public required string Label { get; init; }

    /// <summary>Reads a file of LLM-Adapters: a list of objects with instruction, input and answer.</summary>
    public static List<Question> Read(string path, int most)
    {
        using var stream = File.OpenRead(path);
        var questions = new List<Question>();
        foreach (var row in JsonSerializer.DeserializeAsyncEnumerable<JsonElement>(stream).ToBlockingEnumerable())
        {
            if (questions.Count == most)
                break;
            var where = $"{path}, row {questions.Count + 1}";
            questions.Add(Make(Field(row, "instruction", where), Field(row, "input", where), Field(row, "answer", where), where));
        }
        return questions;
    }

    /// <summary>Questions about the everyday world, whose facts the embedded backbone has read.</summary>
    public static List<Question> About(World world, Part part, BenchmarkForm form, int count) =>
        [.. new BenchmarkQuestions(world, part).Rows(form, count, seed: 1).Select(row => Make(row.Instruction, row.Input, row.Answer, $"{form}"))];

    // The instruction ends in "Answer format: answer1/answer2/answer3".
    private static Question Make(string instruction, string input, string answer, string where)
    {
        var start = instruction.LastIndexOf(AnswerFormat, StringComparison.Ordinal);
        var candidates = start < 0 ? [] : instruction[(start + AnswerFormat.Length)..].Trim().Split('/');
        return candidates.Contains(answer)
            ? new Question { Instruction = instruction, Input = input, Candidates = candidates, Label = answer }
            : throw new InvalidDataException($"{where}: the answer is '{answer}', and the instruction does not end in '{AnswerFormat}' with that word among others.");
    }

    private static string Field(JsonElement row, string name, string where) =>
        row.ValueKind == JsonValueKind.Object && row.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : throw new InvalidDataException($"{where}: there is no text '{name}'.");
}

/// <summary>The questions of one task; those in <paramref name="Train"/> are tuned on, those in <paramref name="Test"/> are scored.</summary>
internal sealed record BenchmarkTask(string Name, IReadOnlyList<Question> Train, IReadOnlyList<Question> Test)
{
    /// <summary>The accuracy of always giving the most frequent answer.</summary>
    public double Majority => Test.CountBy(q => q.Label).Max(c => c.Value) / (double)Test.Count;

    /// <summary>A folder with <c>test*.json</c> and, where the task is to be tuned on, <c>train*.json</c>.</summary>
    public static BenchmarkTask Read(DirectoryInfo folder, int trainRows, int testRows)
    {
        var test = Questions("test", testRows);
        return test.Count > 0
            ? new BenchmarkTask(folder.Name, Questions("train", trainRows), test)
            : throw new FileNotFoundException($"{folder.FullName} has no test*.json with questions to score.");

        List<Question> Questions(string name, int most) => folder.Exists && folder.GetFiles($"{name}*.json").MinBy(f => f.Name) is { } file
            ? Question.Read(file.FullName, most)
            : [];
    }

    /// <summary>The everyday world's questions in the forms of the benchmarks.</summary>
    public static IEnumerable<BenchmarkTask> OfEverydayWorld(int trainRows, int testRows)
    {
        var world = new World();
        return Enum.GetValues<BenchmarkForm>().Select(form => new BenchmarkTask(
            form.ToString(), Question.About(world, Part.Training, form, trainRows), Question.About(world, Part.Test, form, testRows)));
    }
}
