using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>Makes options of what an adapter's files hold: the fields of the configuration; where they leave something open, the tensors beside it.</summary>
internal delegate AdapterOptions AdapterReader(JsonFields fields, SafetensorsFile tensors, IReadOnlyList<MapShape> maps);

/// <summary>A method's place among the others: what it is called, how its files are known and read, and which of its sizes are single numbers.</summary>
internal sealed record AdapterMethod
{
    /// <summary>What command lines call it, each with the options that the name stands for; the method's own name first.</summary>
    public required IReadOnlyList<(string Name, Func<AdapterOptions> Create)> Names { get; init; }

    /// <summary>What configuration files call it: <see cref="AdapterOptions.Method"/>. Methods that one reader tells apart may share it.</summary>
    public required string PeftType { get; init; }

    /// <summary>
    /// What the name of one of its tensors begins with, behind the name of their map. A configuration that leaves the method out means the first one that finds
    /// such a tensor.
    /// </summary>
    public required string TensorPrefix { get; init; }

    public required AdapterReader Read { get; init; }

    public IReadOnlyList<AdapterSize> Sizes { get; init; } = [];
}
