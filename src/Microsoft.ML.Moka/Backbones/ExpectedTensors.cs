using System.Globalization;
using Microsoft.ML.Moka.Backbones.Architectures;
using Microsoft.ML.Moka.Checkpoints;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>Which tensors a checkpoint may have: what would be left out in silence would make another model.</summary>
internal static class ExpectedTensors
{
    // Tables that older files carry along, and that are computed here.
    private static readonly string[] Harmless =
    [
        ".rotary_emb.inv_freq", ".rotary_emb.cos_cached", ".rotary_emb.sin_cached", ".self_attn.bias", ".self_attn.masked_bias", ".attn.bias",
        ".attn.masked_bias",
    ];

    // What a name gives away, and what to do.
    private static readonly (string Part, string Advice)[] Known =
    [
        ("lora_", "it belongs to an adapter: merge the adapter in the program that made it, or load the backbone and the adapter's own folder"),
        ("score.", "the model classifies by a head of its own: take the backbone that it was made of, and its adapter"),
        ("qkv_proj", "its maps are fused into one: take the files of the original model, whose maps are apart"),
        ("gate_up_proj", "its maps are fused into one: take the files of the original model, whose maps are apart"),
        (".experts.", "mixtures of experts are not supported"),
        (".SCB", "its weights are in bitsandbytes' LLM.int8, which is not read: take the unquantized model, which is quantized as it is loaded"),
        (".qweight", "its weights are quantized by GPTQ or AWQ, which are not read: take the unquantized model, which is quantized as it is loaded"),
        (".qzeros", "its weights are quantized by GPTQ or AWQ, which are not read: take the unquantized model, which is quantized as it is loaded"),
        (".g_idx", "its weights are quantized by GPTQ, which is not read: take the unquantized model, which is quantized as it is loaded"),
        ("_scale", "its weights are quantized in a way that is not read (FP8?): take the unquantized model, which is quantized as it is loaded"),
        (".scales", ConfigFields.WeightsOfMlx),
        (".biases", ConfigFields.WeightsOfMlx),
        (".base_layer.", "it was saved with an adapter beside it: merge the adapter in the program that made it (merge_and_unload)"),
        (".bias", "the config gives that map no bias"),
        ("_norm.weight", "the config gives the model no such norm: is model_type right?"),
    ];

    /// <exception cref="InvalidDataException">A tensor is there that the decoder does not have; the message names it.</exception>
    public static void Check(Checkpoint checkpoint, LlamaConfig config)
    {
        // Of one layer, whose number is taken out: a config may claim any number of layers.
        var expected = new HashSet<string>(StringComparer.Ordinal) { TensorNames.Embedding, TensorNames.Head, TensorNames.FinalNorm };
        expected.UnionWith(TensorNames.Vectors(config, 0).Select(vector => vector.Name));
        expected.UnionWith(config.LayerMaps(0).Select(TensorNames.Of));
        foreach (var name in checkpoint.Names.Order(StringComparer.Ordinal))
        {
            if (!IsExpected(QuantizedWeight.WeightOf(name) ?? name) && !Array.Exists(Harmless, end => name.EndsWith(end, StringComparison.Ordinal)))
                throw new InvalidDataException(
                    $"{checkpoint.Location} has the tensor '{name}', which the model that {LlamaConfigFile.Name} describes has not: " +
                    $"{Advice(name, config, IsExpected)}.");
        }

        bool IsExpected(string weight) => LayerOf(weight) is { } layer
            ? layer < config.LayerCount && expected.Contains($"{LlamaConfig.LayerName(0)}{weight[LlamaConfig.LayerName(layer).Length..]}")
            : expected.Contains(weight);
    }

    /// <summary>The layer that a name has a number of, written as this program would.</summary>
    private static int? LayerOf(string name) =>
        name.Split('.') is ["model", "layers", var number, ..] && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var layer)
        && name.StartsWith($"{LlamaConfig.LayerName(layer)}.", StringComparison.Ordinal) ? layer : null;

    /// <summary>The name with what the whole model puts before it, and without what something around the model does.</summary>
    private static IEnumerable<string> OtherNames(string name)
    {
        yield return $"model.{name}";
        for (var dot = name.IndexOf('.', StringComparison.Ordinal); dot >= 0; dot = name.IndexOf('.', dot + 1))
            yield return name[(dot + 1)..];
    }

    private static string Advice(string name, LlamaConfig config, Func<string, bool> isExpected)
    {
        if (LayerOf(name) >= config.LayerCount)
            return $"there are {config.LayerCount} layers (num_hidden_layers)";
        if (OtherNames(name).FirstOrDefault(isExpected) is { } other)
            return $"it should be called '{other}'. Names differ so where a model was saved inside of another: " +
                $"load it as {config.Architecture.ClassName} of transformers and save that (save_pretrained)";
        return Array.Find(Known, known => name.Contains(known.Part, StringComparison.Ordinal)).Advice ?? "it would be left out in silence";
    }
}
