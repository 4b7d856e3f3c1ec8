using System.Text.Json;
using EverydayWorld;

[assembly: AssemblyFixture(typeof(Microsoft.ML.Moka.Cli.Tests.Samples))]

namespace Microsoft.ML.Moka.Cli.Tests;

/// <summary>Files of questions about the world that the embedded backbone has read about, and models that were tuned on them with the tool.</summary>
public sealed class Samples : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Lazy<(string Path, Run Run)> _classifier;
    private readonly Lazy<(string Path, Run Run)> _generator;

    public Samples()
    {
        var world = new World();
        Training = DirectQuestions.About(world, Part.Training, 1, Relation.Material);
        HeldOut = DirectQuestions.About(world, Part.Test, 1, Relation.Material);
        TrainFile = _folder.Write("train.csv", Csv(Training));
        TestFile = _folder.Write("test.csv", Csv(HeldOut));
        InstructionFile = _folder.Write("instructions.jsonl", Instructions(Training));
        _classifier = new(() => Train("classifier.zip", TrainFile, "--epochs", "60", "--test", TestFile, "--json"));
        _generator = new(() => Train(
            "generator.zip", InstructionFile, "--task", "generate", "--template", "{instruction}", "--epochs", "12", "--test",
            _folder.Write("held-out.jsonl", Instructions(HeldOut)), "--json"));
    }

    public IReadOnlyList<DirectQuestion> Training { get; }

    public IReadOnlyList<DirectQuestion> HeldOut { get; }

    public string TrainFile { get; }

    public string TestFile { get; }

    public string InstructionFile { get; }

    public string Classifier => _classifier.Value.Path;

    internal Run ClassifierRun => _classifier.Value.Run;

    public string Generator => _generator.Value.Path;

    internal Run GeneratorRun => _generator.Value.Run;

    public void Dispose() => _folder.Dispose();

    private static string Csv(IEnumerable<DirectQuestion> questions) =>
        string.Concat(questions.Select(question => $"{question.Text},{question.Label}\n").Prepend("text,label\n"));

    private static string Instructions(IEnumerable<DirectQuestion> questions) =>
        string.Concat(questions.Select(question => JsonSerializer.Serialize(new { instruction = question.Text, output = $" {question.Label}" }) + "\n"));

    private (string, Run) Train(string name, params string[] args)
    {
        var path = _folder.File(name);
        return (path, Tool.Run(["train", .. args, "--output", path]).Succeeded());
    }
}
