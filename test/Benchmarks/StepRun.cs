using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Training;
using TorchSharp;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>Runs and times one kind of work on random weights.</summary>
internal sealed class StepRun : IDisposable
{
    private readonly StepOptions _options;
    private readonly Backend _measured;
    private readonly Backend _backend;
    private readonly LlamaBackbone _backbone;
    private readonly AdapterSet? _adapters;
    private readonly SeededRandom _random = new(2);
    private readonly List<double> _seconds = [];
    private readonly List<double> _processorSeconds = [];
    private readonly List<IDisposable> _owned = [];
    private long _start;
    private long _made;
    private long _madeBefore;
    private TimeSpan _startProcessorTime;

    private StepRun(StepOptions options)
    {
        _options = options;
        _measured = options.Backend == "torch" ? CreateTorch() : new CpuBackend(options.Threads);
        _measured.Precision = options.Precision ?? _measured.UsualPrecision;
        if (options.Precision is { } wanted && wanted != _measured.Precision)
            Console.Error.WriteLine($"In {_measured.Precision}, not in {wanted}: {_measured.PrecisionProblem}.");
        _backend = options.Profile ? new ProfilingBackend(_measured, options.Threads) : _measured;
        var config = ConfigOf(options.Model);
        _backbone = options.Gguf is null
            ? LlamaBackbone.Frozen(_backend, config, new PeerWeights(config, options.Quantization == "nf4"))
            : LlamaBackbone.Load(_backend, new GgufFiles(options.Gguf), new QuantizationOptions(BackboneQuantization.None));
        _adapters = CreateAdapters();
    }

    internal static Dictionary<string, LlamaConfig> Configs { get; } = new()
    {
        ["smol"] = Config(576, 30, 9, 3, 1536, 49152, tied: true),
        ["tiny1b"] = Config(2048, 22, 32, 4, 5632, 32000, tied: false),
        ["toy"] = Config(576, 2, 9, 3, 1536, 4096, tied: true),
        ["llama2-7b"] = Config(4096, 32, 32, 32, 11008, 32000, tied: false),
        ["llama3-8b"] = Config(4096, 32, 32, 8, 14336, 128256, tied: false),
    };

    /// <summary>The shape of a name; "h512" is two layers of that hidden size.</summary>
    internal static LlamaConfig ConfigOf(string model)
    {
        if (Configs.TryGetValue(model, out var config))
            return config;
        var hidden = int.Parse(model.AsSpan(1), CultureInfo.InvariantCulture);
        return Config(hidden, 2, hidden / 64, hidden / 64, 3 * hidden, 4096, tied: true);
    }

    public static StepResult Measure(StepOptions options)
    {
        using var run = new StepRun(options);
        GC.Collect();
        var loaded = StepResult.ToGiB(Environment.WorkingSet);
        var result = options.Mode switch
        {
            "train" => run.Train(),
            "score" => run.Score(),
            _ => run.Decode(),
        };
        if (run._backend is ProfilingBackend profile)
            Console.WriteLine(profile.Report(run._seconds[^1]));
        if (options is { Profile: true, Backend: "torch" })
            Console.WriteLine($"{run._made} tensors made by PyTorch in the last step");
        using var process = Process.GetCurrentProcess();
        return result with
        {
            LoadedGiB = loaded,
            PeakGiB = StepResult.ToGiB(process.PeakWorkingSet64),
            PeakTensorGiB = StepResult.ToGiB(run._measured.PeakTensorBytes),
        };
    }

    /// <summary>What one step takes in each of the CPU's precisions, measured in turn.</summary>
    public static IReadOnlyList<(MokaPrecision Precision, List<double> Seconds)> Compare(StepOptions options, int rounds)
    {
        using var run = new StepRun(options);
        var times = PrecisionsOf(run._measured).Select(precision => (precision, Seconds: new List<double>())).ToList();
        var step = run.Step();
        for (var round = -1; round < rounds; round++)
            foreach (var (precision, seconds) in times)
            {
                run._measured.Precision = precision;
                var start = Stopwatch.GetTimestamp();
                (run._backend as ProfilingBackend)?.Reset();
                step();
                if (round >= 0)
                    seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
                if (round == rounds - 1 && run._backend is ProfilingBackend profile)
                    Console.WriteLine($"{precision}\n{profile.Report(seconds[^1])}\n");
            }
        return times;
    }

    /// <summary>Those that the backend has; where there is no split one, a line on the error output says why.</summary>
    public static IReadOnlyList<MokaPrecision> PrecisionsOf(Backend backend)
    {
        if (backend.PrecisionProblem is { } problem)
            Console.Error.WriteLine($"{string.Join(" and ", backend.Precisions)} alone: {problem}.");
        return backend.Precisions;
    }

    public void Dispose()
    {
        _owned.ForEach(owned => owned.Dispose());
        _adapters?.Dispose();
        _backbone.Dispose();
        _backend.Dispose();
    }

    private StepResult Train()
    {
        var updates = new List<double>();
        var losses = new List<double>();
        Time(TrainingStep(losses, updates));
        return Result(_options.Batch * _options.Sequence) with
        {
            UpdateSeconds = updates[1 + _seconds.IndexOf(_seconds.Min())],
            FirstLoss = losses[0],
            LastLoss = losses[^1],
        };
    }

    private StepResult Score()
    {
        Time(ScoringStep());
        return Result(_options.Batch * _options.Sequence);
    }

    private Action Step() => _options.Mode switch
    {
        "train" => TrainingStep([], []),
        "score" => ScoringStep(),
        _ => () => new Generator(_backbone, _adapters).Generate(
            [Ids(16)], new GenerationOptions { MaxNewTokens = _options.NewTokens, StopTokens = [] }, (_, _) => true),
    };

    private Action TrainingStep(List<double> losses, List<double> updates)
    {
        var model = new TrainedModel(_backbone, _adapters);
        var optimizer = new Optimizer(_backend, model.Parameters, TrainingPlan.Of(new MokaTrainer.Options(), numberOfEpochs: 1, learningRate: 1e-4f, seed: 0));
        _owned.Add(optimizer);
        // One token more than the step computes: the last is a target only.
        TrainingExample[] examples = [.. Enumerable.Range(0, _options.Batch).Select(_ => new TrainingExample(Ids(_options.Sequence + 1), 1))];
        var targets = _options.Batch * _options.Sequence;
        var pass = new ForwardOptions { Recompute = _options.Checkpointing };
        return () =>
        {
            losses.Add(model.AccumulateGradients(examples, 1f / targets, pass) / targets);
            var start = Stopwatch.GetTimestamp();
            optimizer.Update(1e-4f, optimizer.GradientNorm());
            updates.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        };
    }

    private Action ScoringStep()
    {
        var model = new TrainedModel(_backbone, _adapters);
        TrainingExample[] examples =
            [.. Enumerable.Range(0, _options.Batch).Select(_ => new TrainingExample(Ids(_options.Sequence + 1), _options.Sequence + 1 - _options.Answer))];
        return () => model.SumOfLosses(examples);
    }

    private StepResult Decode()
    {
        var generator = new Generator(_backbone, _adapters);
        var generation = new GenerationOptions { MaxNewTokens = _options.NewTokens + 1, StopTokens = [] };
        List<int[]> prompts = [.. Enumerable.Range(0, _options.Batch).Select(_ => Ids(16))];
        // What is made first pays for compiling.
        generator.Generate(prompts, generation);
        Thread.Sleep(200);
        generator.Generate(prompts, generation);
        generator.Generate(prompts, generation, (prompt, _) =>
        {
            if (prompt > 0)
                return true;
            // The first token comes with the prompt.
            if (_start != 0)
                Stop();
            if (_seconds.Count < _options.NewTokens)
                Start();
            return true;
        });
        return Result(_options.Batch);
    }

    private StepResult Result(int tokens) =>
        new(_options, _backend.Description, _adapters?.ParameterCount ?? 0, tokens, [.. _seconds], [.. _processorSeconds]);

    private void Time(Action step)
    {
        step();
        for (var i = 0; i < _options.Steps; i++)
        {
            Start();
            step();
            Stop();
        }
    }

    private void Start()
    {
        (_backend as ProfilingBackend)?.Reset();
        _madeBefore = Made();
        _startProcessorTime = ProcessorTime();
        _start = Stopwatch.GetTimestamp();
    }

    private void Stop()
    {
        _seconds.Add(Stopwatch.GetElapsedTime(_start).TotalSeconds);
        _made = Made() - _madeBefore;
        _processorSeconds.Add((ProcessorTime() - _startProcessorTime).TotalSeconds);
    }

    private static TimeSpan ProcessorTime()
    {
        using var process = Process.GetCurrentProcess();
        return process.TotalProcessorTime;
    }

    /// <summary>What this thread's calls to PyTorch have made so far: on a GPU about one launch each, views apart.</summary>
    private long Made()
    {
        if (_options.Backend != "torch")
            return 0;
        var statistics = DisposeScopeManager.Statistics.TensorStatistics;
        return statistics.CreatedInScopeCount + statistics.CreatedOutsideScopeCount;
    }

    private int[] Ids(int count) => [.. Enumerable.Range(0, count).Select(_ => _random.NextInt32(_backbone.Config.VocabularySize))];

    /// <summary>The first GPU, or PyTorch's own CPU device where there is none.</summary>
    private static Backend CreateTorch()
    {
        var provider = BackendProvider.Installed;
        if (provider.Problem(0) is not { } problem)
            return provider.Create(0);
        Console.Error.WriteLine($"No GPU: {problem}. PyTorch's CPU device is measured.");
        return provider.CreateOnCpu();
    }

    private AdapterSet? CreateAdapters()
    {
        if (_options.Adapter == "none")
            return null;
        var options = AdapterMethods.Create(_options.Adapter);
        if (options is MokaAdapter moka)
            moka.Filters = _options.Filters;
        else if (options is LoraAdapter lora)
            lora.Rank = _options.Rank;
        else if (options is DoraAdapter dora)
            dora.Rank = _options.Rank;
        if (_options.Targets == "all")
            options.TargetModules = ["*"];
        return _backbone.CreateAdapters(options, seed: 1);
    }

    private static LlamaConfig Config(int hidden, int layers, int queryHeads, int keyValueHeads, int intermediate, int vocabulary, bool tied) => new()
    {
        HiddenSize = hidden,
        IntermediateSize = intermediate,
        LayerCount = layers,
        QueryHeads = queryHeads,
        KeyValueHeads = keyValueHeads,
        HeadWidth = hidden / queryHeads,
        VocabularySize = vocabulary,
        TiedHead = tied,
    };
}
