using RealBackbone;

namespace Microsoft.ML.Moka.Tests.Samples;

/// <summary>What samples/RealBackbone keeps of its runs, and the table that it makes of them.</summary>
public sealed class RealBackboneResultTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_run_is_made_once()
    {
        var folder = new ResultFolder(_folder.File("results"));
        var (settings, runs) = (Tuned(seed: 1), 0);

        Assert.Equal("done", folder.Complete(settings, Make));
        Assert.Equal("is there already", folder.Complete(settings, Make));
        Assert.Equal("done", folder.Complete(settings with { Seed = 2 }, Make));
        Assert.Equal("done", folder.Complete(settings with { Rate = 0.002f }, Make));

        Assert.Equal(3, runs);
        Assert.Equal(
            [(0.001f, 1), (0.001f, 2), (0.002f, 1)],
            folder.ReadAll().Select(result => (result.Settings.Rate!.Value, result.Settings.Seed!.Value)).Order());
        Assert.All(Directory.GetFileSystemEntries(_folder.File("results")), entry => Assert.EndsWith(".json", entry, StringComparison.Ordinal));

        RunResult Make(string? checkpoints)
        {
            Directory.CreateDirectory(checkpoints!);
            runs++;
            return Result(settings with { Seed = runs == 2 ? 2 : 1, Rate = runs == 3 ? 0.002f : 0.001f }, 5);
        }
    }

    [Fact]
    public void A_run_that_another_is_at_is_left_to_it_and_one_that_failed_is_made_again()
    {
        var (first, second) = (new ResultFolder(_folder.File("results")), new ResultFolder(_folder.File("results")));
        var settings = Tuned(seed: 1);

        var outcome = first.Complete(settings, _ =>
        {
            Assert.Equal("is being made by another process", second.Complete(settings, _ => throw new InvalidOperationException()));
            return Result(settings, 5);
        });
        Assert.Equal("done", outcome);

        var other = settings with { Seed = 2 };
        Assert.Throws<OperationCanceledException>(() => first.Complete(other, _ => throw new OperationCanceledException()));
        Assert.Equal("done", second.Complete(other, _ => Result(other, 6)));
    }

    [Fact]
    public void What_is_no_result_is_named()
    {
        File.WriteAllText(_folder.File("spam.json"), "{\"figures\":[]}");
        Assert.Contains("spam.json", Assert.Throws<InvalidDataException>(() => new ResultFolder(_folder.Path).ReadAll()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Runs_that_differ_in_the_seed_alone_share_a_row()
    {
        var moka = Tuned(seed: 0) with { Method = "moka", Rate = 0.003f };
        var table = ResultTable.Of([Result(Tuned(seed: 1), 540), Result(Tuned(seed: 0), 560), Result(moka, 489)]);

        // 550 of 770 with Wilson's interval, as the material's README has that of LoRA; then seed by seed.
        Assert.Contains("| accuracy, 770 rows | 71.4 [68.1, 74.5] (72.7, 70.1) | 63.5 [60.0, 66.8] |", table, StringComparison.Ordinal);
        Assert.Contains("| log loss | 1.140 | 1.140 |", table, StringComparison.Ordinal);
        Assert.Contains("| LoRA | smol.gguf | cpu | 1,843,200 | 0.001 | 770 | 12 (8 epochs) | all | 4.500, 3.400 |", table, StringComparison.Ordinal);
    }

    [Fact]
    public void One_seed_is_not_told_as_several()
    {
        var table = ResultTable.Of([Result(Tuned(seed: 1), 550), Result(Tuned(seed: 1) with { Method = "moka" }, 489)]);

        Assert.Contains("| accuracy, 770 rows | 71.4 [68.1, 74.5] | 63.5 [60.0, 66.8] |", table, StringComparison.Ordinal);
        Assert.Contains("of one seed", table, StringComparison.Ordinal);
        Assert.DoesNotContain("seeds", table, StringComparison.Ordinal);
        Assert.DoesNotContain("±", table, StringComparison.Ordinal);
    }

    [Fact]
    public void Columns_that_would_look_alike_say_what_they_differ_in()
    {
        var settings = Tuned(seed: 0);
        var table = ResultTable.Of(
        [
            Result(settings, 550), Result(settings with { Device = "cuda", TestRows = 40 }, 550), Result(settings with { Rate = 0.002f, Epochs = 4 }, 550),
        ]);
        Assert.Contains("| rows | LoRA 0.001, cpu, all rows | LoRA 0.001, cuda, 40 rows | LoRA 0.002 |", table, StringComparison.Ordinal);
    }

    [Fact]
    public void An_interrupted_run_has_the_losses_of_all_its_updates()
    {
        var checkpoint = _folder.File("run.checkpoint");
        var first = new TrainingLog(checkpoint);
        foreach (var step in new[] { 1, 2, 3, 4 })
            first.Add(Progress(step, loss: 10 - step));
        File.AppendAllText(Path.Combine(checkpoint, "updates.txt"), "\n 5 1.2");
        Assert.Equal([9, 8, 7, 6], new TrainingLog(checkpoint).Losses);

        // The checkpoint was of update 2.
        var second = new TrainingLog(checkpoint);
        second.Add(Progress(3, loss: 0.5));
        second.Add(Progress(4, loss: 0.25));

        Assert.Equal([9, 8, 0.5, 0.25], second.Losses);
        Assert.Equal(second.Losses, new TrainingLog(checkpoint).Losses);
        Assert.Equal(second.Seconds, new TrainingLog(checkpoint).Seconds);
        Assert.True(second.Seconds > 0);

        static TrainingProgress Progress(int step, double loss) => new()
        {
            Step = step, Steps = 4, Epoch = 0, Loss = loss, SmoothedLoss = loss, LearningRate = 1, GradientNorm = 1, TokensPerSecond = 1, TimeLeft = default,
        };
    }

    [Theory]
    [InlineData(0, 10, 0, 0.2775)]
    [InlineData(10, 10, 0.7225, 1)]
    [InlineData(5, 10, 0.2366, 0.7634)]
    public void The_interval_is_Wilsons(int right, int rows, double lower, double upper)
    {
        var interval = Figure.Interval((double)right / rows, rows);
        Assert.Equal(lower, interval.Lower, 1e-4);
        Assert.Equal(upper, interval.Upper, 1e-4);
    }

    private static RunSettings Tuned(int seed) =>
        new() { Task = "banking77-10", Method = "lora", Backbone = "smol.gguf", Rate = 0.001f, Epochs = 8, Seed = seed };

    private static RunResult Result(RunSettings settings, int right) => new()
    {
        Settings = settings,
        Parameters = 1_843_200,
        TrainingRows = 770,
        Losses = [9, 4, 4, 4, 4, 4, 4, 4, 4, 4, 1, 1],
        Figures = [new Figure("accuracy", 770, right) { LogLoss = 1.14 }],
    };
}
