using System.Reflection;
using System.Text.Json;

namespace Microsoft.ML.Moka.Tests.Samples;

/// <summary>samples/Evaluate as a user runs it, through its entry point.</summary>
public sealed class EvaluateTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TunedModel _tuned;

    public EvaluateTests(TunedModel tuned)
    {
        _tuned = tuned;
        foreach (var (task, words) in new[] { ("ARC-Easy", new[] { "answer1", "answer2", "answer3" }), ("piqa", ["solution1", "solution2"]) })
        {
            Directory.CreateDirectory(Path.Combine(Benchmarks, task));
            File.WriteAllText(Path.Combine(Benchmarks, task, "test.json"), JsonSerializer.Serialize(Enumerable.Range(0, 10).Select(row => new
            {
                instruction = $"Please choose the correct answer to the question: What is thing {row * 7 % 5}?\n\n" +
                    string.Join(' ', words.Select((word, i) => $"{char.ToUpperInvariant(word[0])}{word[1..]}: thing {(row + i) % 6}")) +
                    $"\n\nAnswer format: {string.Join('/', words)}",
                input = "",
                output = $"the correct answer is {words[row % words.Length]}",
                answer = words[row % words.Length],
            })));
        }
    }

    private string Benchmarks => _folder.File("benchmarks");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Backbones_and_models_come_into_one_report_that_the_next_one_is_compared_with()
    {
        var model = _folder.File("tuned.zip");
        _tuned.Context.Model.Save(_tuned.Chain, _tuned.Train.Schema, model);
        string[] settings =
            ["--data", Benchmarks, "--backbone", "embedded", _tuned.BackbonePath, "--model", model, "--protocol", "likelihood", "generation", "--tasks",
                "ARC-Easy", "PIQA"];

        Assert.Equal(0, Run([.. settings, "--rows", "4", "--report", _folder.File("run0"), "--title", "Before"]));
        Assert.Equal(0, Run([.. settings, "--report", _folder.File("run1"), "--compare", _folder.File("run0"), "--results", _folder.File("results")]));

        var report = File.ReadAllText(Path.Combine(_folder.File("run1"), "report.md"));
        foreach (var name in new[] { "embedded", "tiny", "tuned" })
            Assert.Contains($"### Next to the earlier {name}", report, StringComparison.Ordinal);
        Assert.Contains("Compared with \"Before\"", report, StringComparison.Ordinal);
        Assert.Contains("## tuned, generation (greedy, 32 new tokens)", report, StringComparison.Ordinal);

        // Answers are there already; the numbers are the same.
        Assert.Equal(0, Run([.. settings, "--report", _folder.File("run2"), "--compare", _folder.File("run0"), "--results", _folder.File("results")]));
        foreach (var picture in Directory.GetFiles(_folder.File("run1"), "*.svg"))
            Assert.Equal(File.ReadAllText(picture), File.ReadAllText(Path.Combine(_folder.File("run2"), Path.GetFileName(picture))));
        Assert.Equal(report.Split("## Times")[0], File.ReadAllText(Path.Combine(_folder.File("run2"), "report.md")).Split("## Times")[0]);
    }

    [Fact]
    public void What_is_wrong_with_the_earlier_report_is_said_before_anything_is_evaluated()
    {
        Assert.Equal(1, Run("--data", Benchmarks, "--compare", _folder.File("absent"), "--report", _folder.File("run"), "--results", _folder.File("results")));

        Assert.False(Directory.Exists(_folder.File("results")));
        Assert.False(Directory.Exists(_folder.File("run")));
    }

    [Fact]
    public void Without_data_it_asks_about_the_everyday_world()
    {
        Assert.Equal(0, Run("--rows", "4", "--protocol", "choices", "--report", _folder.File("run")));

        var report = File.ReadAllText(Path.Combine(_folder.File("run"), "report.md"));
        Assert.Contains(
            "| model, protocol | BoolQ | PIQA | SIQA | HellaSwag | WinoGrande | ARC-e | ARC-c | OBQA | average |", report, StringComparison.Ordinal);
        Assert.Contains("acc_norm", report, StringComparison.Ordinal);
    }

    private static int Run(params string[] arguments) => (int)Assembly.Load("Evaluate").EntryPoint!.Invoke(null, [arguments])!;
}
