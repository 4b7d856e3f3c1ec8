using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Backbones.Architectures;

/// <summary>
/// What sets one decoder apart from the others of LLaMA's family: what its config may say, what it means where it says nothing, and which optional parts the
/// decoder has. The parts are fields of <see cref="LlamaConfig"/>: whoever computes, loads or counts reads them there and asks for no name of a model.
/// </summary>
internal abstract class Architecture
{
    /// <summary>Those that there are. A further one is a class and an entry here.</summary>
    public static IReadOnlyList<Architecture> All { get; } =
        [LlamaArchitecture.Instance, MistralArchitecture.Instance, Qwen2Architecture.Instance, Qwen3Architecture.Instance, SmolLm3Architecture.Instance];

    /// <summary>The config's <c>model_type</c>.</summary>
    public abstract string ModelType { get; }

    /// <summary>What transformers calls the model.</summary>
    public abstract string ClassName { get; }

    /// <summary>The fields of the config that only this architecture has, or others too but not all.</summary>
    public abstract IReadOnlyList<string> Fields { get; }

    // What transformers takes where the config says nothing.

    public virtual double DefaultRotaryBase => 10000;

    public virtual int DefaultPositions => 32768;

    /// <summary>Null for hidden size by heads.</summary>
    public virtual int? DefaultHeadWidth => null;

    public virtual bool DefaultTiedHead => false;

    public static Architecture? Find(string modelType) => All.FirstOrDefault(architecture => architecture.ModelType == modelType);

    /// <summary>The config with this architecture's own parts.</summary>
    public abstract LlamaConfig Complete(LlamaConfig config, JsonFields fields);

    /// <summary>Writes those parts.</summary>
    public abstract void Write(LlamaConfig config, IDictionary<string, object?> fields);
}
