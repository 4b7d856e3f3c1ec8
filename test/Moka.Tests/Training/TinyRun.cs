using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Tests.Training;

/// <summary>A tiny LLaMA with adapters, or trained as a whole, and examples for it.</summary>
internal sealed class TinyRun : IDisposable
{
    private readonly CpuBackend _backend;

    public TinyRun(bool whole = false, float dropout = 0, int threads = 2)
    {
        _backend = new CpuBackend(threads);
        Backbone = whole ? TinyLlama.Trainable(_backend) : TinyLlama.Frozen(_backend);
        Adapters = whole ? null : AdapterSet.Create(_backend, new MokaAdapter { Dropout = dropout }, Backbone.Config.LinearMaps, seed: 3);
    }

    public LlamaBackbone Backbone { get; }

    public AdapterSet? Adapters { get; }

    public IReadOnlyList<Parameter> Parameters => Adapters is null ? Backbone.Parameters : [.. Adapters.Parameters];

    public static TrainingPlan Plan { get; } = TrainingPlan.Of(
        new MokaTrainer.Options
        {
            NumberOfSteps = 8,
            BatchTokens = 40,
            WarmupFraction = 0.1,
            WeightDecay = 0.01f,
        }, numberOfEpochs: 3, learningRate: 0.02f, seed: 0);

    /// <summary>Examples of different lengths whose last two tokens are learned; some seeds give the training set, others a validation set.</summary>
    public static TrainingExample[] Examples(int count, ulong seed = 1) =>
    [
        .. Enumerable.Range(0, count).Select(i =>
        {
            var ids = TinyLlama.Ids(5 + i * 7 % 6, seed * 100 + (ulong)i);
            ids[^2] = ids[0] % 4;
            ids[^1] = 9;
            return new TrainingExample(ids, ids.Length - 2);
        }),
    ];

    public TrainingLoop Loop(TrainingPlan plan, Action<TrainingProgress>? progress = null, string? checkpoint = null, bool keepBest = false) =>
        new(Backbone, Adapters, plan)
        {
            Progress = progress,
            CheckpointPath = checkpoint,
            CheckpointInterval = TimeSpan.Zero,
            KeepBestWhenCanceled = keepBest,
        };

    /// <summary>All trained values as bits.</summary>
    public uint[] Weights() => [.. Parameters.SelectMany(p => TinyLlama.Download(_backend, p.Value)).Select(BitConverter.SingleToUInt32Bits)];

    public float[] Values() => [.. Parameters.SelectMany(p => TinyLlama.Download(_backend, p.Value))];

    public void Dispose()
    {
        Adapters?.Dispose();
        Backbone.Dispose();
        _backend.Dispose();
    }
}
