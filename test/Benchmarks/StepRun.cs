using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Training;

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
    private long _start;
    private TimeSpan _startProcessorTime;

    private StepRun(StepOptions options)
    {
        _options = options;
        _measured = options.Backend == "torch" ? CreateTorch() : new CpuBackend(options.Threads);
        _backend = options.Profile ? new ProfilingBackend(_measured) : _measured;
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
        using var process = Process.GetCurrentProcess();
        return result with
        {
            LoadedGiB = loaded,
            PeakGiB = StepResult.ToGiB(process.PeakWorkingSet64),
            PeakTensorGiB = StepResult.ToGiB(run._measured.PeakTensorBytes),
        };
    }

    public void Dispose()
    {
        _adapters?.Dispose();
        _backbone.Dispose();
        _backend.Dispose();
    }

    private StepResult Train()
    {
        var model = new TrainedModel(_backbone, _adapters);
        using var optimizer =
            new Optimizer(_backend, model.Parameters, TrainingPlan.Of(new MokaTrainer.Options(), numberOfEpochs: 1, learningRate: 1e-4f, seed: 0));
        // One token more than the step computes: the last is a target only.
        TrainingExample[] examples = [.. Enumerable.Range(0, _options.Batch).Select(_ => new TrainingExample(Ids(_options.Sequence + 1), 1))];
        var targets = _options.Batch * _options.Sequence;
        var pass = new ForwardOptions { Recompute = _options.Checkpointing };
        var updates = new List<double>();
        var losses = new List<double>();
        Time(() =>
        {
            losses.Add(model.AccumulateGradients(examples, 1f / targets, pass) / targets);
            var start = Stopwatch.GetTimestamp();
            optimizer.Update(1e-4f, optimizer.GradientNorm());
            updates.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        });
        return Result(targets) with
        {
            UpdateSeconds = updates[1 + _seconds.IndexOf(_seconds.Min())],
            FirstLoss = losses[0],
            LastLoss = losses[^1],
        };
    }

    private StepResult Score()
    {
        var model = new TrainedModel(_backbone, _adapters);
        TrainingExample[] examples =
            [.. Enumerable.Range(0, _options.Batch).Select(_ => new TrainingExample(Ids(_options.Sequence + 1), _options.Sequence + 1 - _options.Answer))];
        Time(() => model.SumOfLosses(examples));
        return Result(_options.Batch * _options.Sequence);
    }

    private StepResult Decode()
    {
        var generator = new Generator(_backbone, _adapters);
        var generation = new GenerationOptions { MaxNewTokens = _options.NewTokens + 1, StopTokens = [] };
        // What is made first pays for compiling.
        generator.Generate([Ids(16)], generation);
        Thread.Sleep(200);
        generator.Generate([Ids(16)], generation);
        generator.Generate([Ids(16)], generation, (_, _) =>
        {
            // The first token comes with the prompt.
            if (_start != 0)
                Stop();
            if (_seconds.Count < _options.NewTokens)
                Start();
            return true;
        });
        return Result(1);
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
        _startProcessorTime = ProcessorTime();
        _start = Stopwatch.GetTimestamp();
    }

    private void Stop()
    {
        _seconds.Add(Stopwatch.GetElapsedTime(_start).TotalSeconds);
        _processorSeconds.Add((ProcessorTime() - _startProcessorTime).TotalSeconds);
    }

    private static TimeSpan ProcessorTime()
    {
        using var process = Process.GetCurrentProcess();
        return process.TotalProcessorTime;
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
