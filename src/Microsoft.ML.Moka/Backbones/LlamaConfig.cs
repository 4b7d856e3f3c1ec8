using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones.Architectures;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// A decoder of LLaMA's family, as its <c>config.json</c> states it: its sizes, and which of the parts it has that not all of them have.
/// </summary>
internal sealed record LlamaConfig
{
    /// <summary>What the config calls it. Nothing is computed by it: the parts below say what is there.</summary>
    public Architecture Architecture { get; init; } = LlamaArchitecture.Instance;

    public required int HiddenSize { get; init; }

    public required int IntermediateSize { get; init; }

    public required int LayerCount { get; init; }

    public required int QueryHeads { get; init; }

    /// <summary>Fewer than <see cref="QueryHeads"/> where query heads share keys and values (grouped heads).</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>Elements of one head; usually HiddenSize / QueryHeads.</summary>
    public required int HeadWidth { get; init; }

    public required int VocabularySize { get; init; }

    public int MaxPositions { get; init; } = 2048;

    public float RmsNormEpsilon { get; init; } = 1e-5f;

    /// <summary>rope_theta: the base of the rotary frequencies.</summary>
    public double RotaryBase { get; init; } = 10000;

    public RotaryScaling RotaryScaling { get; init; } = RotaryScaling.None;

    /// <summary>Whether the head is the embedding table.</summary>
    public bool TiedHead { get; init; }

    /// <summary>Whether q, k and v have a bias.</summary>
    public bool QueryKeyValueBias { get; init; }

    /// <summary>Whether the attention's output map has a bias.</summary>
    public bool OutputBias { get; init; }

    /// <summary>Whether the maps of the feed-forward part have a bias.</summary>
    public bool FeedForwardBias { get; init; }

    /// <summary>Whether each head of q and k is normalized before it is turned.</summary>
    public bool HeadNorms { get; init; }

    /// <summary>Rotary embedding and window of each layer; empty where all layers are plain.</summary>
    public IReadOnlyList<LayerForm> LayerForms { get; init; } = [];

    public int? BosTokenId { get; init; }

    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    /// <summary>Tokens of the longest sequence: the positions, or what they are stretched to.</summary>
    public int LongestSequence => RotaryScaling.LongestSequence(MaxPositions);

    public int QueryWidth => QueryHeads * HeadWidth;

    public int KeyValueWidth => KeyValueHeads * HeadWidth;

    /// <summary>The linear maps of the decoder layers, which are what gets quantized and adapted; by name and shape [out, in].</summary>
    public IEnumerable<MapShape> LinearMaps => Enumerable.Range(0, LayerCount).SelectMany(LayerMaps);

    /// <summary>Embedding, head and biases.</summary>
    public BackboneShape Shape => new(VocabularySize, HiddenSize, TiedHead)
    {
        BiasedMaps = Enumerable.Range(0, LayerCount).SelectMany(layer => TensorNames.BiasedMaps(this, layer)).Select(map => map.Name).ToHashSet(),
    };

    /// <summary>All weights of the backbone, a tied head counted once.</summary>
    public long ParameterCount =>
        (TiedHead ? 1L : 2L) * VocabularySize * HiddenSize + TensorNames.Vectors(this).Sum(vector => (long)vector.Length)
        + LinearMaps.Sum(map => (long)map.Rows * map.Columns);

    public LayerForm Form(int layer) => LayerForms.Count == 0 ? LayerForm.Plain : LayerForms[layer];

    public static string LayerName(int layer) => $"model.layers.{layer}";

    public MapShape Query(int layer) => Map(layer, "self_attn.q_proj", QueryWidth, HiddenSize);

    public MapShape Key(int layer) => Map(layer, "self_attn.k_proj", KeyValueWidth, HiddenSize);

    public MapShape Value(int layer) => Map(layer, "self_attn.v_proj", KeyValueWidth, HiddenSize);

    public MapShape Output(int layer) => Map(layer, "self_attn.o_proj", HiddenSize, QueryWidth);

    public MapShape Gate(int layer) => Map(layer, "mlp.gate_proj", IntermediateSize, HiddenSize);

    public MapShape Up(int layer) => Map(layer, "mlp.up_proj", IntermediateSize, HiddenSize);

    public MapShape Down(int layer) => Map(layer, "mlp.down_proj", HiddenSize, IntermediateSize);

    public IEnumerable<MapShape> LayerMaps(int layer) =>
        [Query(layer), Key(layer), Value(layer), Output(layer), Gate(layer), Up(layer), Down(layer)];

    private static MapShape Map(int layer, string name, int rows, int columns) => new($"{LayerName(layer)}.{name}", rows, columns, layer);
}
