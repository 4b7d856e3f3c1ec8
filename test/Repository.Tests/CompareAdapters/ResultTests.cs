using System.Text.Json;
using System.Xml.Linq;
using CompareAdapters;

namespace Microsoft.ML.Moka.Tests.CompareAdapters;

public sealed class ResultTests
{
    private static readonly AdapterDesigner Designer = AdapterDesigner.ForBackbone();

    private static readonly ComparisonResult Result = new(
        "a backbone", 1000, 0.1, 0.2, 50,
        [
            Of("moka", 31_000, new MokaAdapter(), [0.5, 0.75, 1]),
            Of("lora", 31_000, new LoraAdapter { Rank = 5 }, [0.875, 0.875, 0.875]),
            Of("lora", 62_000, new LoraAdapter { Rank = 10 }, [1, 1, 1]),
            Of("full", null, new FullFineTuning(), [0.9, 0.9, 0.9]),
        ],
        ["a method that did not fit"]);

    [Fact]
    public void The_spread_is_the_samples_standard_deviation()
    {
        Assert.Equal(1, Of("moka", 1, new MokaAdapter(), [1, 2, 3]).DeviationOf(run => run.Accuracy)!.Value, 1e-12);
        Assert.Null(Of("moka", 1, new MokaAdapter(), [7]).DeviationOf(run => run.Accuracy));
    }

    [Fact]
    public void The_best_rate_has_the_highest_accuracy_and_then_the_lowest_loss()
    {
        Assert.Equal(
            0.2f, ContestantResult.Best([Trial(0.1f, 0.5, 1), Trial(0.2f, 0.9, 2), Trial(0.3f, 0.9, 3), Trial(0.4f, 0, double.PositiveInfinity)]).Rate);
        Assert.False(Of("moka", 1, new MokaAdapter(), [1]).RateIsAtEdge);
        Assert.True(new ContestantResult(Contestant("moka", 1, new MokaAdapter()), [Trial(0.1f, 0.5, 1), Trial(0.2f, 0.9, 2)], []).RateIsAtEdge);
    }

    [Fact]
    public void The_table_is_by_budget_and_then_by_accuracy()
    {
        var rows = ResultTable.Of(Result).Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal)).Skip(1).ToList();

        Assert.Equal(["lora", "moka", "lora", "full"], rows.Select(row => row.Split('|')[1].Trim()));
        Assert.Contains("| 75.0 ± 25.0 % |", rows[1], StringComparison.Ordinal);
        Assert.Contains("| Rank = 5 | 5 | 35,840 | 0.01 |", rows[0], StringComparison.Ordinal);
        Assert.Contains("Left out: a method that did not fit", ResultTable.Of(Result), StringComparison.Ordinal);
        Assert.Contains("3 seeds", ResultTable.Of(Result), StringComparison.Ordinal);
    }

    /// <summary>One seed has no spread: neither table nor picture says that it were one, or a mean.</summary>
    [Fact]
    public void One_seed_has_no_spread()
    {
        var one = Result with { Contestants = [.. Result.Contestants.Select(contestant => contestant with { Runs = [contestant.Runs[0]] })] };
        foreach (var text in (string[])[ResultTable.Of(one), ResultPicture.Of(one)])
        {
            Assert.DoesNotContain("±", text, StringComparison.Ordinal);
            Assert.DoesNotContain("seeds", text, StringComparison.Ordinal);
            Assert.DoesNotContain("mean", text, StringComparison.Ordinal);
            Assert.Contains("one seed", text, StringComparison.Ordinal);
        }
        Assert.Contains("mean and range of 3 seeds", ResultPicture.Of(Result), StringComparison.Ordinal);
    }

    [Fact]
    public void The_picture_names_every_method_and_level_once()
    {
        var svg = XDocument.Parse(ResultPicture.Of(Result)).Root!;
        var ns = svg.Name.Namespace;

        var texts = svg.Descendants(ns + "text").Select(text => text.Value).ToList();
        Assert.All((string[])["moka", "lora", "untuned"], name => Assert.Single(texts, name));
        Assert.Single(texts, text => text.StartsWith("full (", StringComparison.Ordinal));
    }

    [Fact]
    public void The_reference_alone_is_a_point() =>
        Assert.Contains(">full<", ResultPicture.Of(Result with { Contestants = [Result.Contestants[^1]] }), StringComparison.Ordinal);

    [Fact]
    public void Nothing_to_compare_is_explained()
    {
        var settings = new Settings
        {
            Quantization = BackboneQuantization.NF4, Methods = ["lora"], Targets = ["q_proj"], Budgets = [10], Rates = [0.01f], Seeds = 1, Epochs = 1,
            BatchTokens = 256,
        };

        Assert.Contains(
            "nearest choice", Assert.Throws<ArgumentException>(() => new Comparison(settings, Questions.OfEverydayWorld(), _ => { }).Run()).Message);
    }

    [Fact]
    public void A_small_comparison_runs()
    {
        var settings = new Settings
        {
            Quantization = BackboneQuantization.NF4, Methods = ["lora", "full"], Targets = ["q_proj"], Budgets = [], Rates = [0.01f], Seeds = 2, Epochs = 3,
            BatchTokens = 256,
        };
        var world = Questions.OfEverydayWorld();
        var few = new Questions([.. world.Train.Take(8)], [.. world.Test.Take(4)]);
        var lines = new List<string>();

        var result = new Comparison(settings, few, lines.Add).Run();

        Assert.Equal(["lora", "lora", "lora", "full"], result.Contestants.Select(c => c.Contestant.Name));
        Assert.All(result.Contestants, contestant => Assert.Equal(2, contestant.Runs.Count));
        Assert.All(result.Contestants, contestant => Assert.Equal(0.01f, contestant.Rate));
        Assert.All(result.Contestants.SelectMany(contestant => contestant.Runs), run =>
            Assert.True(run.Accuracy is >= 0 and <= 1 && run.StepMilliseconds > 0 && run.MemoryMebibytes > 1));
        // Full fine-tuning keeps an update, its gradient and two moments beside every weight.
        Assert.True(result.Contestants[^1].Runs[0].MemoryMebibytes > result.Contestants[0].Runs[0].MemoryMebibytes + 12);
        Assert.Equal(2 + 2 * 4, lines.Count);
    }

    [Fact]
    public void Every_figure_is_written_as_JSON()
    {
        var written = JsonSerializer.SerializeToElement(Result, ResultJson.Options);

        var lora = written.GetProperty("contestants")[1];
        Assert.Equal(
            "new LoraAdapter { Rank = 5 } on the embedded backbone", lora.GetProperty("contestant").GetProperty("design").GetProperty("options").GetString());
        Assert.Equal(0.875, lora.GetProperty("runs")[2].GetProperty("accuracy").GetDouble());
        Assert.Equal(3, lora.GetProperty("trials").GetArrayLength());
    }

    [Fact]
    public void Rates_are_chosen_on_rows_that_are_neither_fitted_nor_tested()
    {
        var questions = Questions.OfEverydayWorld();

        Assert.Equal(questions.Train.Count, questions.Fitting.Count + questions.Validation.Count);
        Assert.Empty(questions.Validation.Select(q => q.Text).Intersect(questions.Fitting.Concat(questions.Test).Select(q => q.Text)));
        Assert.Empty(questions.Test.Select(q => q.Text).Intersect(questions.Train.Select(q => q.Text)));
        Assert.Superset(questions.Test.Select(q => q.Label).ToHashSet(), questions.Words.ToHashSet());
    }

    [Fact]
    public void Rows_are_read_from_files_and_few_are_refused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("train.tsv"), "Text\tLabel\na b\tx\nc\ty\nd\tx\ne\ty\nf\tx\n");
        File.WriteAllText(folder.File("few.tsv"), "Text\tLabel\na\tx\n");

        var questions = Questions.Read(new FileInfo(folder.File("train.tsv")), new FileInfo(folder.File("train.tsv")));
        Assert.Equal(["a b", "c", "d", "e", "f"], questions.Train.Select(q => q.Text));
        Assert.Equal(0.6, questions.Majority);
        Assert.Contains("1 rows",
            Assert.Throws<InvalidDataException>(() => Questions.Read(new FileInfo(folder.File("train.tsv")), new FileInfo(folder.File("few.tsv")))).Message);
        Assert.Throws<FileNotFoundException>(() => Questions.Read(new FileInfo(folder.File("none.tsv")), new FileInfo(folder.File("few.tsv"))));
    }

    private static ContestantResult Of(string name, long? budget, AdapterOptions options, double[] accuracies) => new(
        Contestant(name, budget, options),
        [Trial(0.003f, 0.1, 2), Trial(0.01f, 0.9, 1), Trial(0.03f, 0.5, 1.5)],
        [.. accuracies.Select(accuracy => new Measurement(accuracy, 1 - accuracy, 10, 20, 30))]);

    private static Contestant Contestant(string name, long? budget, AdapterOptions options) => new(name, budget, Designer.Describe(options));

    private static RateTrial Trial(float rate, double accuracy, double loss) =>
        new(rate, [new Measurement(accuracy, loss, 10, 20, 30), new Measurement(accuracy, loss, 10, 20, 30)]);
}
