using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Backbones.Architectures;

/// <summary>LLaMA 1 to 3.x and those built like them (SmolLM2, TinyLlama), with or without biases.</summary>
internal sealed class LlamaArchitecture : Architecture
{
    public static LlamaArchitecture Instance { get; } = new();

    public override string ModelType => "llama";

    public override string ClassName => "LlamaForCausalLM";

    public override IReadOnlyList<string> Fields { get; } = ["attention_bias", "mlp_bias"];

    public override int DefaultPositions => 2048;

    public override LlamaConfig Complete(LlamaConfig config, JsonFields fields) => Biases.Read(config, fields);

    public override void Write(LlamaConfig config, IDictionary<string, object?> fields) => Biases.Write(config, fields);
}
