using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Quantization;

/// <summary>The formats that weights are kept in. A further one is an entry here and, for a new layout of codes, a kernel in each backend.</summary>
internal static class WeightFormats
{
    public static IReadOnlyList<WeightFormat> All { get; } = [FourBitCode.NF4, FourBitCode.FP4, EightBitCode.Int8];

    /// <summary>The format that users ask for by this name; null where it names none.</summary>
    public static WeightFormat? Find(BackboneQuantization kind) => kind switch
    {
        BackboneQuantization.NF4 => FourBitCode.NF4,
        BackboneQuantization.FP4 => FourBitCode.FP4,
        BackboneQuantization.Int8 => EightBitCode.Int8,
        _ => null,
    };
}
