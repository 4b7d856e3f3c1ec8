using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Backbones.Architectures;
using Microsoft.ML.Moka.Checkpoints.Gguf;

namespace Microsoft.ML.Moka.Interchange.Gguf;

/// <summary>A backbone's shape as the metadata of a GGUF. What llama.cpp would compute otherwise is refused.</summary>
internal static class ConfigMetadata
{
    /// <exception cref="InvalidOperationException">llama.cpp has no such model.</exception>
    public static GgufArchitecture ArchitectureOf(LlamaConfig config)
    {
        var architecture = GgufArchitecture.OfModel(config.Architecture.ModelType)
            ?? throw Refusal($"llama.cpp's model for '{config.Architecture.ModelType}' is not known here");
        for (var layer = 0; layer < config.LayerCount; layer++)
        {
            var hasRotary = architecture.NoRotaryInterval == 0 || (layer + 1) % architecture.NoRotaryInterval != 0;
            if (config.Form(layer).HasRotary != hasRotary)
                throw Refusal(
                    $"layer {layer} has {(hasRotary ? "no" : "a")} rotary embedding, and in llama.cpp's '{architecture.Name}' it has " +
                    $"{(hasRotary ? "one" : "none")}");
        }
        if (config.HeadNorms != (architecture.ModelType == Qwen3Architecture.Instance.ModelType))
            throw Refusal($"it has {(config.HeadNorms ? "norms" : "no norms")} of q and k, unlike llama.cpp's '{architecture.Name}'");
        // Of llama.cpp's models only this one takes biases where a file has them.
        if (architecture.ModelType != LlamaArchitecture.Instance.ModelType
            && (config.OutputBias || config.FeedForwardBias || config.QueryKeyValueBias != architecture.HasQueryKeyBias))
            throw Refusal($"its biases are not those of llama.cpp's '{architecture.Name}'");
        return architecture;
    }

    public static void Add(GgufMetadataWriter metadata, LlamaConfig config, GgufArchitecture architecture)
    {
        Integer("block_count", config.LayerCount);
        Integer("context_length", ContextOf(config));
        Integer("embedding_length", config.HiddenSize);
        Integer("feed_forward_length", config.IntermediateSize);
        Integer("attention.head_count", config.QueryHeads);
        Integer("attention.head_count_kv", config.KeyValueHeads);
        Integer("attention.key_length", config.HeadWidth);
        Integer("attention.value_length", config.HeadWidth);
        Integer("rope.dimension_count", config.HeadWidth);
        Integer("vocab_size", config.VocabularySize);
        Number("attention.layer_norm_rms_epsilon", config.RmsNormEpsilon);
        Number("rope.freq_base", config.RotaryBase);
        switch (config.RotaryScaling)
        {
            case LinearRotaryScaling linear:
                Text("rope.scaling.type", "linear");
                Number("rope.scaling.factor", linear.Factor);
                break;
            case YarnRotaryScaling yarn:
                AddYarn(yarn);
                break;
        }

        void AddYarn(YarnRotaryScaling yarn)
        {
            if (!yarn.WholeDimensions)
                throw Refusal("its YaRN does not round to whole pairs (truncate is false), and llama.cpp's always does");
            Text("rope.scaling.type", "yarn");
            Number("rope.scaling.factor", yarn.Factor);
            Integer("rope.scaling.original_context_length", yarn.OriginalPositions);
            // llama.cpp multiplies it by what transformers takes where nothing is said.
            if (yarn.Amplitude / YarnRotaryScaling.AmplitudeOf(yarn.Factor, 1) is var attention && Math.Abs(attention - 1) > 1e-9)
                Number("rope.scaling.attn_factor", attention);
            if (yarn.FastTurns != YarnRotaryScaling.DefaultFastTurns)
                Number("rope.scaling.yarn_beta_fast", yarn.FastTurns);
            if (yarn.SlowTurns != YarnRotaryScaling.DefaultSlowTurns)
                Number("rope.scaling.yarn_beta_slow", yarn.SlowTurns);
        }

        string Key(string name) => $"{architecture.Name}.{name}";

        void Integer(string name, int value) => metadata.Integer(Key(name), value);

        void Number(string name, double value) => metadata.Number(Key(name), value);

        void Text(string name, string value) => metadata.Text(Key(name), value);
    }

    /// <summary>What divides the rotary frequencies, as a tensor of the file; null where nothing does.</summary>
    public static float[]? RotaryDivisors(LlamaConfig config, GgufArchitecture architecture)
    {
        double[]? divisors = config.RotaryScaling switch
        {
            DividedRotaryScaling { Amplitude: not 1 } => throw Refusal("its rotary embedding has factors and an attention_factor that is not 1"),
            DividedRotaryScaling divided => [.. divided.Divisors],
            Llama3RotaryScaling llama3 => [.. RotaryScaling.None.Frequencies(config.RotaryBase, config.HeadWidth, 1)
                .Zip(llama3.Frequencies(config.RotaryBase, config.HeadWidth, 1), (plain, scaled) => plain / scaled)],
            _ => null,
        };
        if (divisors is not null && architecture.ModelType != LlamaArchitecture.Instance.ModelType)
            throw Refusal($"llama.cpp's '{architecture.Name}' has no rotary embedding of the type '{config.RotaryScaling.Name}'");
        return divisors is null ? null : [.. divisors.Select(divisor => (float)divisor)];
    }

    public static InvalidOperationException Refusal(string why) => new($"The backbone cannot be written as GGUF: {why}. Write it as a folder (SaveMerged).");

    /// <summary>
    /// Up to how many tokens llama.cpp computes the same: it has no sliding window in these models, which changes nothing within the window, and does not
    /// stretch frequencies by the length of a text, which begins beyond the positions.
    /// </summary>
    private static int ContextOf(LlamaConfig config)
    {
        var longest = config.RotaryScaling is DynamicRotaryScaling ? config.MaxPositions : config.LongestSequence;
        return Enumerable.Range(0, config.LayerCount).Select(layer => config.Form(layer).Window ?? longest).Append(longest).Min();
    }
}
