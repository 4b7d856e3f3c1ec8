namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>What a GGUF's <c>general.architecture</c> means in Hugging Face's words.</summary>
/// <param name="Name">llama.cpp's name, with which its metadata begin.</param>
/// <param name="ModelType">transformers' <c>model_type</c>.</param>
/// <param name="ClassName">The class that transformers loads.</param>
/// <param name="InterleavesHeads">Whether the rows of q and k are interleaved for a rotary embedding that turns neighbours.</param>
/// <param name="HasQueryKeyBias">Whether q, k and v always have a bias, so that the configuration does not say it.</param>
internal sealed record GgufArchitecture(string Name, string ModelType, string ClassName, bool InterleavesHeads, bool HasQueryKeyBias = false)
{
    public const string Key = "general.architecture";

    /// <summary>Every so many layers one has no rotary embedding, which a file does not say; 0 where all have one.</summary>
    public int NoRotaryInterval { get; init; }

    // Mistral's files, and those of many others built like LLaMA, say "llama".
    private static readonly GgufArchitecture[] Known =
    [
        new("llama", "llama", "LlamaForCausalLM", InterleavesHeads: true),
        new("smollm3", "smollm3", "SmolLM3ForCausalLM", InterleavesHeads: true) { NoRotaryInterval = 4 },
        new("qwen2", "qwen2", "Qwen2ForCausalLM", InterleavesHeads: false, HasQueryKeyBias: true),
        new("qwen3", "qwen3", "Qwen3ForCausalLM", InterleavesHeads: false),
    ];

    public static GgufArchitecture Of(GgufMetadata metadata)
    {
        var name = metadata.Text(Key);
        return Array.Find(Known, architecture => architecture.Name == name)
            ?? throw metadata.Error(Key, $"is '{name}'; there are {string.Join(", ", Known.Select(architecture => architecture.Name))}");
    }

    /// <summary>The one for transformers' <c>model_type</c>; null where llama.cpp is not known to have it.</summary>
    public static GgufArchitecture? OfModel(string modelType) =>
        Array.Find(Known, architecture => architecture.ModelType == (modelType == "mistral" ? "llama" : modelType));
}
