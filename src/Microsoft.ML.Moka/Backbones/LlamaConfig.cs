using Microsoft.ML.Moka.Adapters;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>The shape of a LLaMA, as its <c>config.json</c> states it.</summary>
internal sealed record LlamaConfig
{
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

    public int? BosTokenId { get; init; }

    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    public int QueryWidth => QueryHeads * HeadWidth;

    public int KeyValueWidth => KeyValueHeads * HeadWidth;

    /// <summary>The linear maps of the decoder layers, which are what gets quantized and adapted; by name and shape [out, in].</summary>
    public IEnumerable<MapShape> LinearMaps => Enumerable.Range(0, LayerCount).SelectMany(LayerMaps);

    /// <summary>All weights of the backbone, a tied head counted once.</summary>
    public long ParameterCount =>
        (TiedHead ? 1L : 2L) * VocabularySize * HiddenSize + (2L * LayerCount + 1) * HiddenSize + LinearMaps.Sum(map => (long)map.Rows * map.Columns);

    public static string LayerName(int layer) => $"model.layers.{layer}";

    public IEnumerable<MapShape> LayerMaps(int layer)
    {
        var name = LayerName(layer);
        yield return new MapShape($"{name}.self_attn.q_proj", QueryWidth, HiddenSize, layer);
        yield return new MapShape($"{name}.self_attn.k_proj", KeyValueWidth, HiddenSize, layer);
        yield return new MapShape($"{name}.self_attn.v_proj", KeyValueWidth, HiddenSize, layer);
        yield return new MapShape($"{name}.self_attn.o_proj", HiddenSize, QueryWidth, layer);
        yield return new MapShape($"{name}.mlp.gate_proj", IntermediateSize, HiddenSize, layer);
        yield return new MapShape($"{name}.mlp.up_proj", IntermediateSize, HiddenSize, layer);
        yield return new MapShape($"{name}.mlp.down_proj", HiddenSize, IntermediateSize, layer);
    }
}
