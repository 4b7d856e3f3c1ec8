using EverydayWorld;
using Microsoft.ML;

namespace Commonsense;

/// <summary>A row as ML.NET reads it: the instruction, the answer word, and the words that it may be.</summary>
internal sealed class Question
{
    private const string AnswerFormat = "Answer format: ";

    public required string Instruction { get; init; }

    public required string Input { get; init; }

    public required string[] Candidates { get; init; }

    public required string Label { get; init; }

    /// <summary>Reads a file of LLM-Adapters, or one in a task's own form.</summary>
    public static List<Question> Read(MLContext mlContext, string path, int most) =>
        [.. mlContext.Data.CreateEnumerable<Microsoft.ML.Moka.BenchmarkRow>(mlContext.Data.LoadBenchmark(path), reuseRowObject: false).Take(most)
            .Select(row => new Question { Instruction = row.Instruction, Input = row.Input, Candidates = row.Candidates, Label = row.Label })];

    /// <summary>Questions about the everyday world, whose facts the embedded backbone has read.</summary>
    public static List<Question> About(World world, Part part, BenchmarkForm form, int count) =>
        [.. new BenchmarkQuestions(world, part).Rows(form, count, seed: 1).Select(row => new Question
        {
            Instruction = row.Instruction,
            Input = row.Input,
            // The instruction ends in "Answer format: answer1/answer2/answer3".
            Candidates = row.Instruction[(row.Instruction.LastIndexOf(AnswerFormat, StringComparison.Ordinal) + AnswerFormat.Length)..].Split('/'),
            Label = row.Answer,
        })];
}

/// <summary>The questions of one task; those in <paramref name="Train"/> are tuned on, those in <paramref name="Test"/> are scored.</summary>
internal sealed record QuestionSet(string Name, IReadOnlyList<Question> Train, IReadOnlyList<Question> Test)
{
    /// <summary>The accuracy of always giving the most frequent answer.</summary>
    public double Majority => Test.CountBy(q => q.Label).Max(c => c.Value) / (double)Test.Count;

    /// <summary>A folder with <c>test*.json</c> and, where the task is to be tuned on, <c>train*.json</c>.</summary>
    public static QuestionSet Read(MLContext mlContext, DirectoryInfo folder, int trainRows, int testRows)
    {
        var test = Questions("test", testRows);
        return test.Count > 0
            ? new QuestionSet(folder.Name, Questions("train", trainRows), test)
            : throw new FileNotFoundException($"{folder.FullName} has no test*.json with questions to score.");

        List<Question> Questions(string name, int most) => folder.Exists && folder.GetFiles($"{name}*.json").MinBy(f => f.Name) is { } file
            ? Question.Read(mlContext, file.FullName, most)
            : [];
    }

    /// <summary>The everyday world's questions in the forms of the benchmarks.</summary>
    public static IEnumerable<QuestionSet> OfEverydayWorld(int trainRows, int testRows)
    {
        var world = new World();
        return Enum.GetValues<BenchmarkForm>().Select(form => new QuestionSet(
            form.ToString(), Question.About(world, Part.Training, form, trainRows), Question.About(world, Part.Test, form, testRows)));
    }
}
