using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// A decoder of LLaMA's family on a backend. Frozen, it never changes, and any number of models and threads share it: adapters are passed to the forward
/// call and not attached. Or it is trained as a whole, with every weight a <see cref="Parameter"/> (pretraining, full fine-tuning).
/// </summary>
internal sealed class LlamaBackbone : IDisposable
{
    private readonly List<Parameter> _parameters = [];
    private readonly List<IDisposable> _owned = [];
    private readonly List<DecoderLayer> _layers = [];
    private readonly RotaryTable _rotary;
    private readonly WeightMatrix _embedding;
    private readonly NormWeight _norm;
    private readonly Parameter? _trainedEmbedding;
    private readonly Parameter? _trainedHead;

    private LlamaBackbone(
        Backend backend, LlamaConfig config, WeightSource weights, bool trainable, IProgress<double>? progress, CancellationToken cancellation)
    {
        Backend = backend;
        // Whoever counts, saves or merges goes by it.
        Config = config = weights.WithHead(config);
        try
        {
            _rotary = Own(new RotaryTable(backend, config));
            (_embedding, _trainedEmbedding) = Load(TensorNames.EmbeddingIn(weights, config), config.VocabularySize, config.HiddenSize, false);
            (Head, _trainedHead) = config.TiedHead
                ? (_embedding, _trainedEmbedding)
                : Load(TensorNames.Head, config.VocabularySize, config.HiddenSize, false);
            for (var layer = 0; layer < config.LayerCount; layer++)
            {
                _layers.Add(new DecoderLayer(config, layer, new LayerWeights
                {
                    InputNorm = LoadNorm(TensorNames.InputNorm(layer), config.HiddenSize),
                    OutputNorm = LoadNorm(TensorNames.OutputNorm(layer), config.HiddenSize),
                    QueryNorm = config.HeadNorms ? LoadNorm(TensorNames.QueryNorm(layer), config.HeadWidth) : null,
                    KeyNorm = config.HeadNorms ? LoadNorm(TensorNames.KeyNorm(layer), config.HeadWidth) : null,
                    Query = LoadMap(config.Query(layer), config.QueryKeyValueBias),
                    Key = LoadMap(config.Key(layer), config.QueryKeyValueBias),
                    Value = LoadMap(config.Value(layer), config.QueryKeyValueBias),
                    Output = LoadMap(config.Output(layer), config.OutputBias),
                    Gate = LoadMap(config.Gate(layer), config.FeedForwardBias),
                    Up = LoadMap(config.Up(layer), config.FeedForwardBias),
                    Down = LoadMap(config.Down(layer), config.FeedForwardBias),
                }));
                progress?.Report((layer + 1.0) / config.LayerCount);
            }
            _norm = LoadNorm(TensorNames.FinalNorm, config.HiddenSize);
        }
        catch
        {
            Dispose();
            throw;
        }

        (WeightMatrix, Parameter?) Load(string name, int rows, int columns, bool isLinearMap)
        {
            var stored = weights.Matrix(name, rows, columns, isLinearMap);
            if (!trainable)
                return (Own(backend.Upload(stored)), null);
            using var matrix = backend.Upload(stored);
            using var values = backend.Expand(matrix);
            var parameter = AddParameter(name, Download(values), rows, columns);
            return (Own(backend.AsWeight(parameter.Value)), parameter);
        }

        LinearMap LoadMap(MapShape shape, bool hasBias)
        {
            cancellation.ThrowIfCancellationRequested();
            var (weight, parameter) = Load(TensorNames.Of(shape), shape.Rows, shape.Columns, true);
            if (!hasBias)
                return new LinearMap(shape, weight, parameter);
            var (bias, gradient) = LoadVector(TensorNames.BiasOf(shape), shape.Rows);
            return new LinearMap(shape, weight, parameter, new BiasVector(bias, gradient));
        }

        NormWeight LoadNorm(string name, int length)
        {
            var (weight, gradient) = LoadVector(name, length);
            return new NormWeight(weight, gradient);
        }

        (Tensor, Tensor?) LoadVector(string name, int length)
        {
            var values = weights.Vector(name, length);
            if (!trainable)
                return (Own(backend.Upload(TensorKind.Parameter, values, length)), null);
            var parameter = AddParameter(name, values, length, 1);
            return (parameter.Value, parameter.Gradient);
        }

        Parameter AddParameter(string name, float[] values, int rows, int columns)
        {
            var parameter = Own(new Parameter(backend, name, values, rows, columns) { Decays = columns > 1 });
            _parameters.Add(parameter);
            return parameter;
        }
    }

    private LlamaBackbone(LlamaBackbone other, Backend backend)
    {
        Backend = backend;
        (Config, Head, _rotary, _embedding, _norm, _trainedEmbedding, _trainedHead) =
            (other.Config, other.Head, other._rotary, other._embedding, other._norm, other._trainedEmbedding, other._trainedHead);
        (_layers, _parameters) = (other._layers, other._parameters);
    }

    public Backend Backend { get; }

    public LlamaConfig Config { get; }

    /// <summary>The backbone's own map from hidden states to logits, [vocabulary, hidden]; <see cref="Logits"/> has what adapters make of it.</summary>
    public WeightMatrix Head { get; }

    /// <summary>All weights, named as in a checkpoint, if the backbone is trained as a whole; none if it is frozen.</summary>
    public IReadOnlyList<Parameter> Parameters => _parameters;

    /// <summary>The linear maps of all layers.</summary>
    public IEnumerable<LinearMap> LinearMaps => _layers.SelectMany(layer => layer.Maps);

    /// <summary>Bytes that the weights occupy on the backend.</summary>
    public long ByteCount =>
        LinearMaps.Sum(map => map.Weight.ByteCount) + _embedding.ByteCount + (ReferenceEquals(Head, _embedding) ? 0 : Head.ByteCount);

    /// <summary>A backbone that stays as it is.</summary>
    public static LlamaBackbone Frozen(
        Backend backend, LlamaConfig config, WeightSource weights, IProgress<double>? progress = null, CancellationToken cancellation = default) =>
        new(backend, config, weights, trainable: false, progress, cancellation);

    /// <summary>A backbone that is trained as a whole.</summary>
    public static LlamaBackbone Trainable(
        Backend backend, LlamaConfig config, WeightSource weights, IProgress<double>? progress = null, CancellationToken cancellation = default) =>
        new(backend, config, weights, trainable: true, progress, cancellation);

    /// <summary>
    /// Reads a frozen backbone from the files of a Hugging Face model: <c>config.json</c> and safetensors, tensor by tensor, linear maps quantized on the way.
    /// </summary>
    public static LlamaBackbone Load(
        Backend backend, BackboneFiles files, QuantizationOptions quantization, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        var config = LlamaConfigFile.Read(files);
        using var checkpoint = Checkpoint.Open(files);
        return Frozen(backend, config, new CheckpointWeights(checkpoint, config, quantization), progress, cancellation);
    }

    /// <summary>The same weights on a view of their backend (<see cref="Backend.CreateView"/>): it lives as long as this one, which owns them.</summary>
    public LlamaBackbone On(Backend view) => new(this, view);

    /// <summary>
    /// The same weights in 32-bit floats, for tokens that are computed one after another: their products read weights and compute little, so that tiles, which
    /// are made for many rows, would bring nothing.
    /// </summary>
    public LlamaBackbone ForSingleTokens()
    {
        if (Backend.Precision == MokaPrecision.Float32)
            return this;
        var view = Backend.CreateView();
        view.Precision = MokaPrecision.Float32;
        return On(view);
    }

    /// <summary>New adapters for this backbone; the seed determines every initial value.</summary>
    /// <param name="options">What is added, and to which maps.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="original">A map's weight as it was before it was quantized, for methods that start from what that took from it.</param>
    /// <param name="cancellation">Ends the decomposition of weights, for methods that start from one.</param>
    public AdapterSet CreateAdapters(
        AdapterOptions options, ulong seed, Func<MapShape, DenseMatrix>? original = null, CancellationToken cancellation = default)
    {
        var maps = LinearMaps.ToDictionary(map => map.Shape, map => map.Weight);
        var frozen = new FrozenWeights(shape => maps[shape]) { Original = original, Cancellation = cancellation };
        return AdapterSet.Create(Backend, options, maps.Keys, seed, frozen);
    }

    /// <summary>The final hidden states, to be multiplied by the <see cref="Head"/>.</summary>
    /// <param name="tape">What records the pass.</param>
    /// <param name="batch">The tokens.</param>
    /// <param name="adapters">What is added to the linear maps; null for the backbone alone.</param>
    /// <param name="options">How the pass is run.</param>
    /// <param name="rows">
    /// The rows of the batch whose states are wanted, in any order and as often as they are named; all if not given. The last layer computes no others:
    /// for a few answers to long prompts that is most of its work.
    /// </param>
    public Variable Forward(
        Tape tape, RaggedBatch batch, AdapterSet? adapters = null, ForwardOptions? options = null, IReadOnlyList<int>? rows = null)
    {
        options ??= ForwardOptions.Default;
        if (options.Cache is not null && tape.Recording)
            throw new ArgumentException("A key/value cache serves decoding, not training: the tape must not record.", nameof(options));
        if (adapters is not null && _parameters.Count > 0)
            throw new ArgumentException("A backbone that is trained as a whole takes no adapters: load it frozen.", nameof(adapters));
        CheckIds(batch, VocabularyOf(adapters));

        // Both live until the tape ends: backward steps read them.
        var ids = tape.Own(Backend.Upload(CollectionsMarshal.AsSpan(batch.Ids))).Value;
        var turns = _rotary.Of(tape, batch);
        var positions = tape.Own(Backend.Upload(turns.Rows)).Value;
        var pass = new LayerPass(
            batch, tape.Keep(new LayerLayouts(batch.Layout)), positions, turns.Table, options.Cache,
            new AdapterPass(adapters, options.TwoPaths, options.DropoutSeed, options.Watch)
            {
                Rows = options.RowAdapters is null ? null : new AdapterRows(tape, options.RowAdapters),
            });
        var x = Embed(tape, ids, adapters);
        options.Watch?.Invoke("the embedding", x.Value);
        int[]? distinct = rows is null ? null : [.. rows.Distinct().Order()];
        var wanted = distinct is null || distinct.Length == batch.TokenCount ? null : Select(tape, batch, turns, distinct, pass.Adapters, options.RowAdapters);
        foreach (var layer in _layers)
        {
            tape.ThrowIfCanceled();
            var selection = layer == _layers[^1] ? wanted : null;
            x = options.Recompute && tape.Recording ? Recompute(tape, x, layer, pass, selection) : layer.Forward(tape, x, pass, selection);
        }
        options.Cache?.Commit(batch);
        options.Watch?.Invoke("the last layer's output", x.Value);
        var hidden = _norm.Forward(tape, x, Config.RmsNormEpsilon);
        options.Watch?.Invoke("the input of the head", hidden.Value);
        x.Dispose();
        return distinct is null || rows!.SequenceEqual(distinct) ? hidden : Arrange(tape, hidden, rows!, distinct);
    }

    /// <summary>
    /// −log p(target) of each row of <paramref name="hidden"/>, which the caller disposes. Training and scoring both take it from here: on a recording tape,
    /// which needs <paramref name="rowWeights"/>, the gradient of Σ rowWeights·loss is seeded, also for a trained head.
    /// </summary>
    public Tensor TokenLosses(Tape tape, Variable hidden, Tensor targets, Tensor? rowWeights = null, AdapterSet? adapters = null)
    {
        using var head = AdaptedHead(tape, adapters);
        if (head is null)
            return tape.TokenLosses(hidden, Head, targets, rowWeights, _trainedHead?.Gradient);
        using var weight = Backend.AsWeight(head.Value);
        return tape.TokenLosses(hidden, weight, targets, rowWeights, head.RequiresGradient ? head.GradientToAccumulate() : null);
    }

    /// <summary>The logits of each row of hidden states, <see cref="VocabularyOf"/> wide, which the caller disposes.</summary>
    public Tensor Logits(Tensor hidden, AdapterSet? adapters)
    {
        using var tape = new Tape(Backend, recording: false);
        using var head = AdaptedHead(tape, adapters);
        if (head is null)
            return Backend.Linear(hidden, Head);
        using var weight = Backend.AsWeight(head.Value);
        return Backend.Linear(hidden, weight);
    }

    /// <summary>How many tokens there are: adapters may have enlarged embedding and head.</summary>
    public int VocabularyOf(AdapterSet? adapters) => adapters?.Find(TokenTable.Embedding)?.Rule.Rows ?? Config.VocabularySize;

    /// <summary>The backbone's own embedding or head.</summary>
    public WeightMatrix Table(TokenTable table) => table == TokenTable.Embedding ? _embedding : Head;

    public void Dispose()
    {
        for (var i = _owned.Count - 1; i >= 0; i--)
            _owned[i].Dispose();
        _owned.Clear();
    }

    private Variable Embed(Tape tape, Tensor ids, AdapterSet? adapters)
    {
        if (adapters?.Find(TokenTable.Embedding) is not { } adapter)
            return _trainedEmbedding is null ? tape.Embedding(_embedding, ids) : tape.Embedding(_trainedEmbedding, ids);
        using var table = adapter.OnTape(tape, _embedding);
        return tape.Embedding(table, ids);
    }

    /// <summary>What adapters put in the place of the head; null for the backbone's own.</summary>
    private Variable? AdaptedHead(Tape tape, AdapterSet? adapters)
    {
        if (adapters?.Find(TokenTable.Head) is { } adapter)
            return adapter.OnTape(tape, Head);
        if (!ReferenceEquals(Head, _embedding) || adapters?.Find(TokenTable.Embedding) is not { } embedding)
            return null;
        return embedding.Rule.IsSharedByTiedHead ? embedding.OnTape(tape, _embedding) : embedding.Base is { } whole ? tape.Borrow(whole) : null;
    }

    private static Variable Recompute(Tape tape, Variable x, DecoderLayer layer, LayerPass pass, RowSelection? wanted)
    {
        var output = tape.Recompute(x, (inner, input) => layer.Forward(inner, input, pass, wanted));
        x.Dispose();
        return output;
    }

    private RowSelection Select(
        Tape tape, RaggedBatch batch, RotaryTable.Turns turns, int[] rows, AdapterPass adapters, IReadOnlyList<AdapterSet>? rowAdapters)
    {
        if (rows.Length == 0 || rows[0] < 0 || rows[^1] >= batch.TokenCount)
            throw new ArgumentOutOfRangeException(nameof(rows), $"The wanted rows must be among the {batch.TokenCount} of the batch, and at least one.");
        var positions = Array.ConvertAll(rows, row => turns.Rows[row]);
        return new RowSelection(
            tape.Own(Backend.Upload(rows)).Value, tape.Own(Backend.Upload(positions)).Value, tape.Keep(new LayerLayouts(batch.LayoutOf(rows))),
            rowAdapters is null ? adapters : adapters with { Rows = new AdapterRows(tape, Array.ConvertAll(rows, row => rowAdapters[row])) });
    }

    private Variable Arrange(Tape tape, Variable hidden, IReadOnlyList<int> rows, int[] distinct)
    {
        var order = tape.Own(Backend.Upload([.. rows.Select(row => Array.BinarySearch(distinct, row))])).Value;
        var arranged = tape.GatherRows(hidden, order);
        hidden.Dispose();
        return arranged;
    }

    private static void CheckIds(RaggedBatch batch, int vocabulary)
    {
        if (batch.TokenCount == 0)
            throw new ArgumentException("The batch has no tokens.", nameof(batch));
        foreach (var id in batch.Ids)
        {
            if ((uint)id >= (uint)vocabulary)
                throw new ArgumentException(
                    $"Token id {id} is outside the backbone's vocabulary of {vocabulary}: tokenizer and backbone do not belong together.",
                    nameof(batch));
        }
    }

    private float[] Download(Tensor tensor)
    {
        var values = new float[tensor.Length];
        Backend.Download(tensor, values);
        return values;
    }

    private T Own<T>(T resource) where T : IDisposable
    {
        _owned.Add(resource);
        return resource;
    }
}

/// <summary>How a forward pass is run.</summary>
internal sealed record ForwardOptions
{
    public static ForwardOptions Default { get; } = new();

    /// <summary>Whether decoder layers are run again in the backward pass instead of keeping what they computed (gradient checkpointing).</summary>
    public bool Recompute { get; init; }

    /// <summary>Continues what is cached and adds to it.</summary>
    public KeyValueCache? Cache { get; init; }

    /// <summary>The seed of the adapters' input dropout, a new one for each step; null while not training.</summary>
    public ulong? DropoutSeed { get; init; }

    /// <summary>Is shown what the pass computes, in its order, each with a name for people; null where nobody looks for a fault.</summary>
    public Action<string, Tensor>? Watch { get; init; }

    /// <summary>
    /// Whether adapters are computed token by token beside the frozen map instead of added while its weight is expanded: cheaper for few tokens.
    /// </summary>
    public bool TwoPaths { get; init; }

    /// <summary>
    /// The adapters of each row of the batch, in place of one set for all: rows of several models over one backbone. They change linear maps alone.
    /// </summary>
    public IReadOnlyList<AdapterSet>? RowAdapters { get; init; }
}
