using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Design;
using Microsoft.ML.Moka.Sweeps;
using Microsoft.ML.Moka.Tests.Work;

namespace Microsoft.ML.Moka.Tests.Sweeps;

/// <summary>Trials that workers make.</summary>
public sealed class SweepWorkersTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Workers_give_the_figures_of_one_process(bool takesPart, bool hasValidationSet)
    {
        var workers = new ThreadWorkers(count: 2) { Fails = true, TakesPart = takesPart };

        Assert.Equal(Run(null, hasValidationSet), Run(workers, hasValidationSet));
        // A process that takes part may have made every trial before its workers are ready.
        Assert.True(takesPart || workers.Done > 1);
    }

    [Fact]
    public void What_workers_finished_is_kept_when_the_sweep_is_stopped()
    {
        var expected = Run(null);
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(
            () => Run(new ThreadWorkers(count: 2), folder: _folder.File("sweep"), finished: _ => stop.Cancel(), cancellation: stop.Token));
        var made = 0;

        Assert.Equal(expected, Run(null, folder: _folder.File("sweep"), finished: _ => made++));

        Assert.InRange(made, 1, 3);
    }

    [Fact]
    public void Every_setting_of_every_adapter_arrives()
    {
        AdapterOptions[] adapters =
        [
            .. AdapterMethods.Names.Select(AdapterMethods.Create),
            new MokaAdapter { FilterShapes = [new(2, 4), new(4, 2)], Copies = 2, InitialBound = MathF.Sqrt(3) },
            new MokaAdapter { TargetModules = ["*.self_attn.q_*", "v_proj"], Layers = [0] },
            new MokaSAdapter { IdentitySizes = [2, 4] }, new KronaAdapter { Shape = new(8, 4), Scale = 1 / 3f }, new MissAdapter { MiniRank = 4 },
            new LoraAdapter { Rank = 3, Alpha = 0.1f, Dropout = 0.3f, LearningRateRatio = 16 }, new LokrAdapter { DecomposeBoth = true, DecomposeFactor = 4 },
        ];
        foreach (var adapter in adapters)
        {
            var arrived = TrialBytes.Read(TrialBytes.Write(Settings(adapter), Maps));
            Assert.Equal(OptionsText.Of(adapter), OptionsText.Of(arrived.Adapter));
            Assert.Equal(Settings(adapter) with { Adapter = arrived.Adapter }, arrived);
        }
    }

    [Fact]
    public void What_settings_cannot_say_is_refused_by_name()
    {
        var adapter = new LoraAdapter { HasBias = true };

        Assert.Contains("Workers", Assert.Throws<InvalidOperationException>(() => TrialBytes.Write(Settings(adapter), Maps)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_setting_of_the_trainer_is_brought_to_workers_or_named_as_one_that_is_not()
    {
        var settings = typeof(MokaTrainer.Options).GetProperties().Where(property => property is { CanWrite: true, SetMethod.IsPublic: true }).ToList();
        foreach (var property in settings.Where(property => !TrialJob.NotSent.Contains(property.Name)))
        {
            var (sent, arrived) = (new MokaTrainer.Options(), new MokaTrainer.Options());
            property.SetValue(sent, Other(property.PropertyType, property.GetValue(sent)));

            SettingsFields.Read(arrived, SettingsFields.Write(sent, TrialJob.NotSent));

            Assert.Equal(Shown(property.GetValue(sent)), Shown(property.GetValue(arrived)));
            Assert.NotEqual(Shown(property.GetValue(new MokaTrainer.Options())), Shown(property.GetValue(arrived)));
        }
    }

    [Fact]
    public void Workers_for_both_are_refused()
    {
        var options = Options();
        options.Workers = new ThreadWorkers(count: 1);

        var error = Assert.Throws<ArgumentException>(() => Sweep(options, new SweepOptions { Workers = new ThreadWorkers(count: 1) }));

        Assert.Contains("Workers are set for the sweep and for its trainer", error.Message, StringComparison.Ordinal);
    }

    private MapShape[] Maps => [.. LlamaConfigFile.Read(BackboneSource.Open(tuned.BackbonePath).Files).LinearMaps];

    private static TrialSettings Settings(AdapterOptions adapter) => new(3, adapter, null, 1 / 3f, 7) { StepShare = 1 / 9.0 };

    private static object Other(Type type, object? value) =>
        Nullable.GetUnderlyingType(type) is { } inner ? Other(inner, null)
        : type == typeof(string) ? "an \"other\"\n"
        : type == typeof(bool) ? !(bool)(value ?? false)
        : type == typeof(int) ? (int)(value ?? 0) + 7
        : type == typeof(float) ? (float)(value ?? 0f) + 1 / 3f
        : type == typeof(double) ? (double)(value ?? 0.0) + 1 / 3.0
        : type.IsEnum ? Enum.GetValues(type).Cast<object>().First(choice => !choice.Equals(value))
        : type == typeof(PromptTemplate) ? new PromptTemplate("{text} \"is\"\n", "\t")
        : type == typeof(ClassWeights) ? ClassWeights.Of(new Dictionary<string, float> { ["a \"label\""] = 1 / 3f, [""] = 2 })
        : throw new InvalidOperationException($"No other value of {type}.");

    private static string? Shown(object? value) => value switch
    {
        ClassWeights weights => string.Join(';', weights.ByLabel!.Select(weight => FormattableString.Invariant($"{weight.Key} {weight.Value:R}"))),
        _ => value?.ToString(),
    };

    private MokaTrainer.Options Options() => new()
    {
        BackbonePath = tuned.BackbonePath, PromptTemplate = new PromptTemplate("{text} is"), NumberOfSteps = 4, BatchTokens = 256,
        ClassWeights = ClassWeights.Balanced,
    };

    private string Run(
        ThreadWorkers? workers, bool hasValidationSet = false, string? folder = null, Action<SweepTrial>? finished = null,
        CancellationToken cancellation = default)
    {
        var options = Options();
        options.ValidationSet = hasValidationSet ? Data(12) : null;
        options.CancellationToken = cancellation;
        var found = Sweep(options, new SweepOptions
        {
            Adapters = [new MokaAdapter(), new LoraAdapter { Rank = 2, Dropout = 0.1f }],
            NumberOfTrials = 3,
            Workers = workers,
            Folder = folder,
            Progress = finished,
        });
        return string.Join('\n', found.Trials.Select(trial => FormattableString.Invariant(
            $"{trial.Number} {trial.StepShare} {trial.LearningRate:R} {trial.MicroAccuracy:R} {trial.LogLoss:R} {trial.Rows}")));
    }

    private static SweepResult Sweep(MokaTrainer.Options options, SweepOptions sweep) =>
        new MLContext(seed: 3).MulticlassClassification.SweepMoka(Data(40), options, sweep);

    private static IDataView Data(int rows)
    {
        var context = new MLContext(seed: 3);
        var data = context.Data.LoadFromEnumerable(Row.Make(rows));
        return context.Transforms.Conversion.MapValueToKey("Label").Fit(data).Transform(data);
    }
}
