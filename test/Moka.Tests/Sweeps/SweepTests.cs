using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.Sweeps;

namespace Microsoft.ML.Moka.Tests.Sweeps;

/// <summary>Sweeps over settings of a trainer, on the small task of the tests.</summary>
public sealed class SweepTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private MokaTrainer.Options Options(int steps = 9) => new()
    {
        BackbonePath = tuned.BackbonePath, PromptTemplate = new PromptTemplate("{text} is"), NumberOfSteps = steps, BatchTokens = 256,
    };

    private SweepResult Run(MokaTrainer.Options? options = null, SweepOptions? sweep = null, int rows = 40)
    {
        var mlContext = new MLContext(seed: 3);
        return mlContext.MulticlassClassification.SweepMoka(Data(mlContext, rows), options ?? Options(), sweep);
    }

    private static IDataView Data(MLContext mlContext, int rows = 40)
    {
        var data = mlContext.Data.LoadFromEnumerable(Row.Make(rows));
        return mlContext.Transforms.Conversion.MapValueToKey("Label").Fit(data).Transform(data);
    }

    private static string Figures(SweepResult result) => string.Join('\n', result.Trials.Select(trial => FormattableString.Invariant(
        $"{trial.Number} {trial.StepShare} {trial.LearningRate:R} {trial.Budget} {trial.NumberOfEpochs} {trial.MicroAccuracy:R} ") +
        FormattableString.Invariant($"{trial.LogLoss:R} {trial.TrainableParameterCount}")));

    [Fact]
    public void A_third_goes_on_round_after_round_and_the_same_seed_gives_the_same_bits()
    {
        var sweep = new SweepOptions { Adapters = [new MokaAdapter(), new LoraAdapter { Rank = 2 }] };

        var (first, again) = (Run(sweep: sweep), Run(sweep: sweep));

        Assert.Equal([1, 3, 9], [.. first.Trials.CountBy(trial => trial.StepShare).OrderByDescending(round => round.Key).Select(round => round.Value)]);
        Assert.Equal((13, true), (first.TrialCount, first.IsComplete));
        Assert.Equal(Figures(first), Figures(again));
        // Those that went on are the best of their round.
        foreach (var (share, before) in ((double, double)[])[(1, 1 / 3.0), (1 / 3.0, 1 / 9.0)])
        {
            var round = first.Trials.Where(trial => Math.Abs(trial.StepShare - before) < 1e-9).OrderBy(trial => trial.LogLoss)
                .Select(trial => trial.Number).ToList();
            var wentOn = first.Trials.Where(trial => Math.Abs(trial.StepShare - share) < 1e-9).Select(trial => trial.Number).Order();
            Assert.Equal(round.Take(wentOn.Count()).Order(), wentOn);
        }
        Assert.All(first.Trials, trial => Assert.Equal(8, trial.Rows));
        Assert.Equal(first.Trials[0], first.Best);
        Assert.Equal(2, first.Trials.Select(trial => trial.Adapter.GetType()).Distinct().Count());
        Assert.NotEqual(Figures(first), Figures(Run(With(Options(), options => options.Seed = 4), sweep)));
    }

    /// <summary>The best settings are worth what the sweep says: the same rows are held out, and the same model comes of them.</summary>
    [Theory]
    [InlineData(MokaHead.Words, false)]
    [InlineData(MokaHead.LastToken, false)]
    [InlineData(MokaHead.Words, true)]
    public void The_options_of_a_trial_give_its_model(MokaHead head, bool hasValidationSet)
    {
        var mlContext = new MLContext(seed: 3);
        var data = Data(mlContext);
        var options = Options(4);
        options.Head = head;
        options.ValidationFraction = hasValidationSet ? 0 : 0.3;
        options.ValidationSet = hasValidationSet ? Data(mlContext, 12) : null;
        var found = mlContext.MulticlassClassification.SweepMoka(data, options, new SweepOptions { Search = SweepSearch.Random, NumberOfTrials = 2 });

        var best = found.OptionsOf(found.Best!);
        using var model = mlContext.MulticlassClassification.Trainers.Moka(best).Fit(data);

        // The rows that were held out: their number is known, and of all rows the metrics of just those have to be met.
        if (hasValidationSet)
        {
            var metrics = mlContext.MulticlassClassification.Evaluate(model.Transform(options.ValidationSet!));
            Assert.Equal((found.Best!.LogLoss, found.Best.MicroAccuracy), (metrics.LogLoss, metrics.MicroAccuracy));
            return;
        }
        Assert.Equal(12, found.Best!.Rows);
        var held = Microsoft.ML.Moka.DataViews.Columns.TrainingData.HeldOut(40, 0.3, 3).ToHashSet();
        var scores = mlContext.Data.CreateEnumerable<Scored>(model.Transform(data), reuseRowObject: false).ToList();
        var losses = held.Select(row => -Math.Log(scores[row].Score[(int)scores[row].Label - 1])).ToList();
        Assert.Equal(found.Best.LogLoss, losses.Average(), 6);
    }

    [Fact]
    public void Rows_without_a_label_are_not_counted_when_rows_are_held_out()
    {
        var mlContext = new MLContext(seed: 3);
        var rows = Row.Make(40);
        for (var i = 0; i < rows.Count; i += 4)
            rows[i].Label = "";
        var data = mlContext.Data.LoadFromEnumerable(rows);
        var keyed = mlContext.Transforms.Conversion.MapValueToKey("Label", keyData: mlContext.Data.LoadFromEnumerable(
            ((string[])["yes", "no"]).Select(label => new { Label = label }))).Fit(data).Transform(data);

        var found = mlContext.MulticlassClassification.SweepMoka(keyed, Options(3), new SweepOptions { Search = SweepSearch.Random, NumberOfTrials = 1 });

        Assert.Equal(6, found.Best!.Rows);
    }

    [Fact]
    public void Every_combination_is_tried_once_with_sizes_for_each_budget()
    {
        var found = Run(new MokaTrainer.Options(), new SweepOptions
        {
            Search = SweepSearch.Grid, Adapters = [new LoraAdapter()], Budgets = [8_000, 20_000], LearningRates = [0.001f, 0.01f], Epochs = [1, 2],
        });

        Assert.Equal(8, found.Trials.Count);
        Assert.Equal(8, found.Trials.Select(trial => (trial.Budget, trial.LearningRate, trial.NumberOfEpochs)).Distinct().Count());
        Assert.All(found.Trials, trial => Assert.InRange(trial.TrainableParameterCount, trial.Budget!.Value / 2, trial.Budget.Value));
        Assert.Equal(["1", "2", "3", "4", "5", "6", "7", "8"], found.Trials.Select(trial => $"{trial.Number}").Order());
    }

    [Fact]
    public void More_trials_begin_with_the_fewer()
    {
        var (three, five) = (Plan(3), Plan(5));

        Assert.Equal(three.Settings.Select(settings => settings.LearningRate), five.Settings.Take(3).Select(settings => settings.LearningRate));
        // The first is the usual rate, the others lie within a factor of ten, apart from each other.
        var usual = five.Settings[0].LearningRate;
        Assert.All(five.Settings, settings => Assert.InRange(settings.LearningRate / usual, 0.0999f, 10.01f));
        Assert.Equal(5, five.Settings.Select(settings => settings.LearningRate).Distinct().Count());

        static SweepPlan Plan(int trials) => SweepPlan.Of(new MokaTrainer.Options(), new SweepOptions { NumberOfTrials = trials }, seed: 7);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 4)]
    [InlineData(8, 12)]
    [InlineData(9, 13)]
    [InlineData(30, 44)]
    public void Rounds_are_counted_before_they_are_run(int settings, int trials) =>
        Assert.Equal(trials, SweepPlan.Of(new MokaTrainer.Options(), new SweepOptions { NumberOfTrials = settings }, 1).TrialCount);

    [Fact]
    public void What_was_interrupted_goes_on_with_what_is_left_to_the_same_result()
    {
        var whole = Run(sweep: new SweepOptions());
        using var stop = new CancellationTokenSource();
        var made = new List<SweepTrial>();
        var sweep = new SweepOptions { Folder = _folder.File("sweep"), Progress = made.Add };
        var options = Options();
        options.CancellationToken = stop.Token;
        // In the midst of the fifth trial.
        options.Progress = progress =>
        {
            if (made.Count == 4)
                stop.Cancel();
        };
        Assert.ThrowsAny<OperationCanceledException>(() => Run(options, sweep));
        Assert.Equal(4, made.Count);

        var rest = Run(sweep: sweep);

        Assert.Equal(13, made.Count);
        Assert.Equal(Figures(whole), Figures(rest));
        // All is there: nothing is done, and no states of trials are left.
        Assert.Equal(Figures(whole), Figures(Run(sweep: sweep)));
        Assert.Equal(13, made.Count);
        Assert.Equal(["sweep.json"], Directory.GetFileSystemEntries(_folder.File("sweep")).Select(Path.GetFileName));
        // Compared by something else, no trial that is there is made again.
        sweep.Metric = SweepMetric.MicroAccuracy;
        var other = Run(sweep: sweep);
        Assert.Equal(13, other.Trials.Count);
    }

    [Fact]
    public void When_the_time_is_up_the_sweep_ends_with_what_is_finished()
    {
        var sweep = new SweepOptions { TimeLimit = TimeSpan.FromTicks(1), Folder = _folder.File("sweep") };

        var found = Run(sweep: sweep);

        Assert.Equal((false, null, 13), (found.IsComplete, found.Best, found.TrialCount));
        sweep.TimeLimit = null;
        Assert.True(Run(sweep: sweep).IsComplete);
    }

    [Fact]
    public void Cancellation_with_KeepBestWhenCanceled_returns_what_is_finished_within_a_second()
    {
        using var stop = new CancellationTokenSource();
        var options = Options(100_000);
        (options.CancellationToken, options.KeepBestWhenCanceled) = (stop.Token, true);
        var canceled = 0L;
        options.Progress = progress =>
        {
            if (progress.Step != 3)
                return;
            canceled = Environment.TickCount64;
            stop.Cancel();
        };

        var found = Run(options);

        Assert.InRange(Environment.TickCount64 - canceled, 0, 1000);
        Assert.Equal((false, 0), (found.IsComplete, found.Trials.Count));
        Assert.Throws<InvalidOperationException>(found.ToSvg);
    }

    [Fact]
    public void A_folder_is_for_one_sweep_at_a_time()
    {
        var refusals = 0;
        var sweep = new SweepOptions { Folder = _folder.File("sweep"), NumberOfTrials = 1 };
        sweep.Progress = _ =>
        {
            var error = Assert.Throws<InvalidOperationException>(() => Run(sweep: new SweepOptions { Folder = sweep.Folder }));
            Assert.Contains("Another sweep is using the folder", error.Message, StringComparison.Ordinal);
            refusals++;
        };

        Run(sweep: sweep);

        Assert.Equal(1, refusals);
    }

    [Fact]
    public void A_folder_of_other_data_or_settings_and_a_changed_file_are_refused()
    {
        var sweep = new SweepOptions { Folder = _folder.File("sweep"), NumberOfTrials = 2, Search = SweepSearch.Random };
        Run(sweep: sweep);

        Refused("  data: '", () => Run(sweep: sweep, rows: 41));
        Refused("  training: '", () => Run(With(Options(), options => options.WarmupFraction = 0.5), sweep));
        Refused("  rates: ' within 10' there, ' within 4' now", () => Run(sweep: With(sweep, s => s.LearningRateSpan = 4)));
        Refused("  head: 'Words' there, 'Mean' now", () => Run(With(Options(), options => options.Head = MokaHead.Mean), sweep));
        Refused("has a trial 2, and 1 are wanted", () => Run(sweep: With(sweep, s => s.NumberOfTrials = 1)));
        var path = Path.Combine(sweep.Folder, "sweep.json");
        File.WriteAllText(path, new Regex("\"rows\": 8").Replace(File.ReadAllText(path), "\"rows\": 7", 1));
        Assert.Contains("was changed since it was saved", Assert.Throws<InvalidDataException>(() => Run(sweep: sweep)).Message, StringComparison.Ordinal);

        static void Refused(string words, Action run) =>
            Assert.Contains(words, Assert.Throws<InvalidOperationException>(run).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_trial_that_diverges_is_told_and_loses()
    {
        var found = Run(Options(30), new SweepOptions
        {
            Search = SweepSearch.Grid, LearningRates = [1e30f, 0.01f], Folder = _folder.File("sweep"), Adapters = [new FullFineTuning()],
        });

        Assert.NotNull(found.Trials[1].Problem);
        Assert.Equal(0.01f, found.Best!.LearningRate);
        Assert.Contains("diverged", found.ToString(), StringComparison.Ordinal);
        Assert.Equal(found.Trials[1].Problem, Run(Options(30), new SweepOptions
        {
            Search = SweepSearch.Grid, LearningRates = [1e30f, 0.01f], Folder = _folder.File("sweep"), Adapters = [new FullFineTuning()],
        }).Trials[1].Problem);
    }

    [Fact]
    public void Table_and_picture_show_every_trial()
    {
        var found = Run(Options(2), new SweepOptions { NumberOfTrials = 3, Search = SweepSearch.Random, Adapters = [new MokaAdapter(), new KronaAdapter()] });

        var svg = XDocument.Parse(found.ToSvg());
        var tips = svg.Descendants(XName.Get("title", "http://www.w3.org/2000/svg")).Select(title => title.Value).ToList();
        Assert.All(found.Trials, trial => Assert.Single(tips, tip => tip.StartsWith($"trial {trial.Number}, ", StringComparison.Ordinal)));
        var lines = found.ToString().Split(Environment.NewLine);
        Assert.Equal(5, lines.Length);
        Assert.Equal("3 of 3 trials; those with the most steps first, of these the lowest log-loss.", lines[^1]);
        Assert.Contains("new KronaAdapter()", found.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_makes_no_sense_is_told_at_once()
    {
        var error = Assert.Throws<ArgumentException>(() => Run(
            new MokaTrainer.Options { NumberOfSteps = 0, LearningRate = 1, InitialAdapterPath = ".", CheckpointFolder = "x" },
            new SweepOptions
            {
                Adapters = [null!], Budgets = [0], LearningRates = [float.NaN], LearningRateSpan = 1, Epochs = [0], NumberOfTrials = 0, Search = (SweepSearch)9,
                Metric = (SweepMetric)9, TimeLimit = TimeSpan.Zero, Folder = "",
            }));

        string[] options = ["Adapters has", "Budgets has 0", "LearningRates has NaN", "LearningRateSpan has 1", "Epochs has 0", "NumberOfTrials has 0",
            "Search is 9", "Metric is 9", "TimeLimit is 00:00:00", "Folder is ''", "Epochs and NumberOfSteps", "LearningRates and LearningRate",
            "nothing would be trained", "InitialAdapterPath is set", "CheckpointFolder is set"];
        Assert.All(options, option => Assert.Contains(option, error.Message, StringComparison.Ordinal));
        var mlContext = new MLContext();
        var other = mlContext.Data.LoadFromEnumerable([new Row { Label = "no", Text = "a" }, new Row { Label = "yes", Text = "b" }]);
        var options2 = new MokaTrainer.Options { ValidationSet = mlContext.Transforms.Conversion.MapValueToKey("Label",
            keyOrdinality: Microsoft.ML.Transforms.ValueToKeyMappingEstimator.KeyOrdinality.ByValue).Fit(other).Transform(other) };
        var first = mlContext.Data.LoadFromEnumerable([new Row { Label = "yes", Text = "a" }, new Row { Label = "no", Text = "b" }]);
        var data = mlContext.Transforms.Conversion.MapValueToKey("Label").Fit(first).Transform(first);
        Assert.Contains("holds out none",
            Assert.Throws<InvalidOperationException>(() => mlContext.MulticlassClassification.SweepMoka(data)).Message, StringComparison.Ordinal);
        Assert.Contains("map both with the same MapValueToKey",
            Assert.Throws<InvalidOperationException>(() => mlContext.MulticlassClassification.SweepMoka(data, options2)).Message, StringComparison.Ordinal);
    }

    private static MokaTrainer.Options With(MokaTrainer.Options options, Action<MokaTrainer.Options> change)
    {
        change(options);
        return options;
    }

    private static SweepOptions With(SweepOptions options, Action<SweepOptions> change)
    {
        var copy = options.Copy();
        change(copy);
        return copy;
    }

    private sealed class Scored
    {
        [KeyType(2)]
        public uint Label { get; set; }

        public float[] Score { get; set; } = [];
    }
}
