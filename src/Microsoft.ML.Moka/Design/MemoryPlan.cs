using System.Globalization;
using System.Text;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Counting;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka;

/// <summary>
/// What training will take of a device's memory. One step is run beforehand on a backend that has no elements and only counts, so that the plan needs
/// neither the weights nor the memory, and follows whatever the adapter does.
/// </summary>
/// <remarks>
/// The count is of tensors. The runtime, the tokenizer and the rows come on top of it; on a GPU also CUDA's own half gigabyte or so, and what its allocator
/// keeps in pieces: leave a tenth free. Every token of the batch counts as one whose loss is computed, unless there is a head, which counts with two labels.
/// </remarks>
/// <example><code>
/// var options = new MokaTrainer.Options { BackbonePath = "Llama-2-7b-hf", BatchTokens = 4096, GradientCheckpointing = true };
/// Console.WriteLine(MemoryPlan.ForTraining(options, onGpu: true));
/// </code></example>
public sealed class MemoryPlan
{
    private const int MostCountedTokens = 1 << 18;
    private const int FewestLabels = 2;

    private MemoryPlan()
    {
    }

    /// <summary>Tokens that go through the backbone at once.</summary>
    public int BatchTokens { get; private init; }

    /// <summary>Whether decoder layers are computed again in the backward pass.</summary>
    public bool GradientCheckpointing { get; private init; }

    /// <summary>The frozen backbone, linear maps quantized or as a GGUF has them packed.</summary>
    public long BackboneBytes { get; private init; }

    /// <summary>What is trained, and its gradients; the sum of several batches' gradients too, where an update is made of several.</summary>
    public long AdapterBytes { get; private init; }

    /// <summary>Both moments of AdamW, and the weights before the latest update.</summary>
    public long OptimizerBytes { get; private init; }

    /// <summary>The most that activations, their gradients and kernels at work take at a time.</summary>
    public long ActivationBytes { get; private init; }

    /// <summary>All of it together.</summary>
    public long TotalBytes => BackboneBytes + AdapterBytes + OptimizerBytes + ActivationBytes;

    /// <summary>The plan for a trainer's options. Only the backbone's <c>config.json</c> is read, or what a GGUF says of its tensors.</summary>
    /// <param name="options">The options; BackbonePath may also name a <c>config.json</c> itself.</param>
    /// <param name="onGpu">Whether it is for a GPU, where activations are bfloat16, or the CPU, where they are float32.</param>
    /// <returns>The plan.</returns>
    /// <exception cref="FileNotFoundException">There is no such backbone.</exception>
    /// <exception cref="InvalidDataException">The config is no LLaMA's, or not valid; the message names the field.</exception>
    /// <exception cref="ArgumentException">The adapter does not fit the backbone.</exception>
    public static MemoryPlan ForTraining(TuningOptions options, bool onGpu = false)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BatchTokens, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BatchRows ?? 1, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaximumTokens, 1);
        byte[] json;
        StoredForms? forms = null;
        if (options.BackbonePath is { } path && File.Exists(path) && !GgufFiles.IsGguf(path))
        {
            json = File.ReadAllBytes(path);
        }
        else
        {
            var source = BackboneSource.Open(options.BackbonePath);
            LlamaConfigFile.Read(source.Files);
            json = source.Files.ReadAll(LlamaConfigFile.Name);
            forms = StoredForms.Of(source.Files);
        }
        var config = LlamaConfigFile.Parse(json, options.BackbonePath ?? LlamaConfigFile.Name);
        var longest = Math.Min(options.MaximumTokens, config.LongestSequence);
        // How many labels there are, the options do not say; a head's outputs are next to nothing beside its backbone.
        var adapter = options is ScoringOptions { Head: not MokaHead.Words and var head }
            ? options.Adapter.WithHead(new ScoreHeadRule(head, FewestLabels, config.HiddenSize))
            : options.Adapter;
        return Count(config, FormatIn(json), options, adapter, longest, onGpu ? MemoryTraits.Gpu : MemoryTraits.Cpu, forms);
    }

    /// <summary>One line for each part, and their sum.</summary>
    /// <returns>The table.</returns>
    public override string ToString()
    {
        var recomputed = GradientCheckpointing ? ", layers computed again" : "";
        return new StringBuilder()
            .AppendLine(Line("backbone", BackboneBytes))
            .AppendLine(Line("adapters and gradients", AdapterBytes))
            .AppendLine(Line("optimizer", OptimizerBytes))
            .AppendLine(Line($"activations of {BatchTokens.ToString("N0", CultureInfo.InvariantCulture)} tokens{recomputed}", ActivationBytes))
            .Append(Line("together", TotalBytes))
            .ToString();

        static string Line(string name, long bytes) => $"{name,-56} {Size(bytes),10}";
    }

    /// <summary>The same from what a trainer has read already.</summary>
    /// <param name="config">The backbone's shape.</param>
    /// <param name="format">How its checkpoint has what is not quantized.</param>
    /// <param name="options">The trainer's options.</param>
    /// <param name="adapter">What is trained: the options' own, or that of a folder.</param>
    /// <param name="longest">Tokens of the longest sequence, which goes alone where it is longer than a batch.</param>
    /// <param name="traits">The device.</param>
    /// <param name="forms">How a GGUF has each weight.</param>
    /// <param name="all">Tokens of all sequences there are, which a batch has at most.</param>
    internal static MemoryPlan Count(
        LlamaConfig config, DenseFormat format, TuningOptions options, AdapterOptions adapter, int longest, MemoryTraits traits,
        StoredForms? forms = null, long all = int.MaxValue)
    {
        var tokens = (int)Math.Max(longest, Math.Min(Math.Min(options.BatchTokens, all), (options.BatchRows ?? int.MaxValue) * (long)longest));
        if (tokens <= MostCountedTokens)
            return CountBatch(config, format, options, adapter, tokens, longest, traits, forms);
        // What a batch takes grows with its sequences, each of which takes the same.
        var sequences = Math.Max(2, MostCountedTokens / longest);
        var (half, whole) = (Count(sequences / 2), Count(sequences));
        var ofOne = (double)(whole.ActivationBytes - half.ActivationBytes) / (sequences - sequences / 2);
        return new MemoryPlan
        {
            BatchTokens = tokens,
            GradientCheckpointing = whole.GradientCheckpointing,
            BackboneBytes = whole.BackboneBytes,
            AdapterBytes = whole.AdapterBytes,
            OptimizerBytes = whole.OptimizerBytes,
            ActivationBytes = whole.ActivationBytes + (long)(ofOne * ((double)tokens / longest - sequences)),
        };

        MemoryPlan Count(int count) => CountBatch(config, format, options, adapter, count * longest, longest, traits, forms);
    }

    private static MemoryPlan CountBatch(
        LlamaConfig config, DenseFormat format, TuningOptions options, AdapterOptions adapter, int tokens, int longest, MemoryTraits traits,
        StoredForms? forms)
    {
        using var backend = new CountingBackend(traits);
        using var backbone = LlamaBackbone.Frozen(backend, config, new CountedWeights(options.Quantization, format, forms));
        TrainingExample[] examples =
        [
            .. Lengths(tokens, longest)
                .Select(length => adapter.Head is { } head
                    ? new TrainingExample(new int[length], head.IsMultiLabel ? HeadTarget.Of([]) : new HeadTarget(0))
                    : new TrainingExample(new int[length + 1], 1)),
        ];
        var frozen = backend.BytesInUse;
        using var adapters = AdapterSet.Create(backend, adapter, config.LinearMaps, new CountedValues());
        var trained = backend.BytesInUse;
        var model = new TrainedModel(backbone, adapters);
        using var optimizer = new Optimizer(backend, model.Parameters, TrainingPlan.Of(options, numberOfEpochs: 1, learningRate: 1, seed: 0));
        var optimizing = backend.BytesInUse;
        var sums = optimizer.Gradients.SelectMany(gradient => Enumerable.Repeat(gradient, GradientsBeside(options, traits)))
            .Select(gradient => backend.Zeros(TensorKind.Parameter, gradient.Rows, gradient.Columns)).ToList();
        var before = backend.BytesInUse;
        backend.ResetPeak();
        model.AccumulateGradients(examples, 1, new ForwardOptions { Recompute = options.GradientCheckpointing, DropoutSeed = 1 });
        sums.ForEach(sum => sum.Dispose());
        return new MemoryPlan
        {
            BatchTokens = tokens,
            GradientCheckpointing = options.GradientCheckpointing,
            BackboneBytes = frozen,
            AdapterBytes = trained - frozen + before - optimizing,
            OptimizerBytes = optimizing - trained,
            ActivationBytes = backend.PeakBytes - before,
        };
    }

    /// <summary>
    /// How many vectors as long as the gradient there are beside it. Where several batches make an update, their sum; with workers also the weights, as numbers
    /// and as bytes, and at most a gradient of each batch that came before its turn: these in the host's memory.
    /// </summary>
    private static int GradientsBeside(TuningOptions options, MemoryTraits traits) => options.Workers is not null
        ? (traits == MemoryTraits.Cpu ? 3 + options.GradientAccumulation : 0)
        : options.GradientAccumulation > 1 ? 1 : 0;

    /// <summary>What a checkpoint says of its elements; 2 bytes where it says nothing, as all published LLaMAs have.</summary>
    internal static DenseFormat FormatIn(ReadOnlyMemory<byte> config) => JsonFields.Parse(config, LlamaConfigFile.Name, fields =>
        (fields.Has("torch_dtype") ? fields.Text("torch_dtype") : fields.Text("dtype", "bfloat16")) == "float32" ? DenseFormat.Float32 : DenseFormat.BFloat16);

    internal static string Size(long bytes) => bytes switch
    {
        >= 100_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.00} GB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.00} MB"),
    };

    private static IEnumerable<int> Lengths(int tokens, int longest)
    {
        for (; tokens > 0; tokens -= longest)
            yield return Math.Min(tokens, longest);
    }
}
