using System.Reflection;
using CompareAdapters;
using Microsoft.ML.Moka.Tests.Samples;
using RealBackbone;

namespace Microsoft.ML.Moka.Tests.CompareAdapters;

/// <summary>The comparison over real tasks, in pieces: on the embedded backbone and made-up rows.</summary>
public sealed class CellTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Results => _folder.File("results");

    public void Dispose() => _folder.Dispose();

    /// <summary>docs/compare-adapters has the cells that the page's table is made of.</summary>
    [Fact]
    public void The_documented_table_is_that_of_its_results()
    {
        var docs = Path.Combine(Repository.Root, "docs");
        var page = File.ReadAllText(Path.Combine(docs, "compare-adapters.md"));
        var table = CellTable.Of(new ResultFolder(Path.Combine(docs, "compare-adapters")).ReadAll());
        var rows = table.Split('\n').Where(line => line.StartsWith('|')).ToList();
        Assert.True(rows.Count > 5);
        Assert.All(rows, row => Assert.Contains(row, page, StringComparison.Ordinal));
    }

    [Fact]
    public void Cells_are_made_one_by_one_and_drawn_from_the_folder()
    {
        MadeUpTasks.WriteTexts(_folder.Path);
        string[] common = ["spam", "--data", _folder.Path, "--results", Results, "--steps", "3", "--budgets", "36000"];

        Assert.Equal(0, Run(["rates", .. common, "--methods", "moka", "lora", "--rates", "0.0001", "0.03"]));
        Assert.Equal(4, Directory.GetFiles(Results).Length);
        // HiRA has no rate yet, and a single cell has one of its own.
        Assert.Equal(0, Run(["test", .. common, "--methods", "moka", "lora", "hira", "--seeds", "0", "1"]));
        Assert.Equal(4 + 2 + 4, Directory.GetFiles(Results).Length);
        Assert.Equal(0, Run(["test", .. common, "--methods", "hira", "--seeds", "0", "--rate", "0.01"]));
        var all = new ResultFolder(Results).ReadAll();
        Assert.Equal(11, all.Count);
        // Six of eight rows are trained on where rates are chosen.
        Assert.All(all.Where(result => result.Settings.IsTuned), result => Assert.Equal(
            result.Settings.OnValidationRows is true ? (6, 2) : (8, 8), (result.TrainingRows!.Value, result.Figures[0].Rows)));
        Assert.All(all.Where(result => result.Settings.IsTuned), result => Assert.True(
            result is { Parameters: > 0 and <= 36000, Rank: > 0, StepMilliseconds: > 0, MemoryMebibytes: > 0, Forgetting.Tokens: > 1000 }));

        Assert.Equal(0, Run("report", "--results", Results, "--markdown", _folder.File("table.md"), "--svg", _folder.File("pictures")));

        var rows = File.ReadAllLines(_folder.File("table.md")).Where(line => line.StartsWith("| ", StringComparison.Ordinal))
            .Select(row => row.Split('|')[1].Trim());
        Assert.Equal(["features", "hira", "lora", "method", "moka", "untuned"], rows.Order(StringComparer.Ordinal));
        Assert.Contains(">moka<", File.ReadAllText(_folder.File("pictures/spam.svg")), StringComparison.Ordinal);
    }

    [Fact]
    public void Choices_are_held_back_from_the_training_files()
    {
        foreach (var task in new[] { "ARC-Easy", "openbookqa", "boolq" })
            MadeUpTasks.WriteQuestions(_folder.Path, task);

        Assert.Equal(0, Run("rates", "commonsense", "--data", _folder.Path, "--results", Results, "--steps", "2", "--methods", "miss", "--rates", "0.001"));

        // Of ten rows in each of three files the fourth and the eighth.
        var result = Assert.Single(new ResultFolder(Results).ReadAll());
        Assert.Equal(24, result.TrainingRows);
        Assert.All(result.Figures, figure => Assert.Equal(2, figure.Rows));
    }

    [Fact]
    public void A_method_gets_the_rate_that_was_best_at_the_nearest_budget()
    {
        RunResult[] results =
        [
            Trial(0.1f, 1000, right: 5), Trial(0.2f, 1000, right: 6), Trial(0.3f, 1000, right: 6, logLoss: 0.5), Trial(0.9f, 5000, right: 9),
            Trial(0.7f, 1000, right: 9) with { Settings = Settings(0.7f, 1000) with { OnValidationRows = null } },
        ];

        Assert.Equal(new RateChoice(0.3f, IsAtEdge: true), RateChoice.Of(Settings(null, 2000) with { TestRows = 7, Device = "cuda" }, results));
        Assert.Equal(new RateChoice(0.9f, IsAtEdge: false), RateChoice.Of(Settings(null, 4000), results));
        Assert.Null(RateChoice.Of(Settings(null, 2000) with { Method = "lora" }, results));
        Assert.Null(RateChoice.Of(Settings(null, 2000) with { Head = "mean" }, results));
    }

    /// <summary>One seed has no spread; several stand one by one.</summary>
    [Fact]
    public void One_seed_is_not_told_as_several()
    {
        var one = Trial(0.1f, 1000, right: 5) with { Settings = Settings(0.1f, 1000) with { Seed = 1 }, Diverged = true };
        var table = CellTable.Of([one]);
        Assert.DoesNotContain("±", table, StringComparison.Ordinal);
        Assert.DoesNotContain("seeds", table, StringComparison.Ordinal);
        Assert.Contains("| 50.0 [23.7, 76.3] |", table, StringComparison.Ordinal);
        Assert.Contains("the one seed diverged", table, StringComparison.Ordinal);

        var other = Trial(0.1f, 1000, right: 7) with { Settings = one.Settings with { Seed = 2 } };
        var both = CellTable.Of([one, other]);
        Assert.Contains("| 60.0 [31.3, 83.2] (50.0, 70.0) |", both, StringComparison.Ordinal);
        Assert.Contains("1 of 2 seeds diverged", both, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_wrong_is_said()
    {
        var errors = Console.Error;
        using var said = new StringWriter();
        try
        {
            Console.SetError(said);
            Assert.Equal(1, Run("report", "--results", Results));
            Assert.Equal(1, Run("rates", "commonsense", "--results", Results, "--head", "mean"));
        }
        finally
        {
            Console.SetError(errors);
        }
        Assert.Contains("run 'rates' and then 'test'", said.ToString(), StringComparison.Ordinal);
        Assert.Contains("--head is for texts with labels", said.ToString(), StringComparison.Ordinal);
    }

    private static RunSettings Settings(float? rate, long budget) => new() { Task = "spam", Method = "moka", Budget = budget, Rate = rate, Epochs = 2 };

    private static RunResult Trial(float rate, long budget, int right, double logLoss = 1) => new()
    {
        Settings = Settings(rate, budget) with { OnValidationRows = true },
        Figures = [new Figure("accuracy", 10, right) { LogLoss = logLoss }],
    };

    private static int Run(params string[] arguments) => (int)Assembly.Load("CompareAdapters").EntryPoint!.Invoke(null, [arguments])!;
}
