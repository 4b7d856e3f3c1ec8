using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>The adapters of one forward pass and how they are computed.</summary>
/// <param name="Set">The adapters; null for the backbone alone.</param>
/// <param name="TwoPaths">Whether updates are computed token by token beside the frozen map, rather than added while its weight is expanded.</param>
/// <param name="DropoutSeed">The seed of the input dropout; null while not training.</param>
/// <param name="Watch">Is shown what every map reads and gives, with its name; null where nobody looks for a fault.</param>
internal sealed record AdapterPass(AdapterSet? Set, bool TwoPaths, ulong? DropoutSeed, Action<string, Tensor>? Watch = null)
{
    /// <summary>The adapters of each row, in place of <see cref="Set"/>; null where all rows have the same.</summary>
    public AdapterRows? Rows { get; init; }
}
