using System.Diagnostics.CodeAnalysis;

namespace Microsoft.ML.Moka;

/// <summary>
/// How exactly the CPU multiplies matrices. It is a choice where the processor multiplies bfloat16: in AMX, units for tiles of them (Intel Xeon from Sapphire
/// Rapids on), or in AVX-512's vectors where that is faster (AVX512_BF16, AMD from Zen 4 on). All others, and GPUs, compute as ever. In each precision the same
/// seed gives the same bits, whatever the number of threads, and a row's result does not depend on the rows beside it.
/// </summary>
[SuppressMessage("Naming", "CA1720", Justification = "The name of the number's format, as everyone calls it.")]
public enum MokaPrecision
{
    /// <summary>32-bit floats all through, on the processor's vectors.</summary>
    Float32,

    /// <summary>
    /// Factors in two parts of bfloat16 each, three products, sums in 32-bit floats: about 5·10⁻⁶ of a result's typical size off, and several times as fast as
    /// <see cref="Float32"/>. The usual choice where the processor has AMX; without it there is none.
    /// </summary>
    Split,

    /// <summary>
    /// Factors rounded to bfloat16, sums in 32-bit floats, as PyTorch's autocast has it: about 2·10⁻³ of a result's typical size off. On AMX more than twice as
    /// fast as <see cref="Split"/>, on vectors of AVX-512 up to twice as fast as <see cref="Float32"/>. Only by choice.
    /// </summary>
    BFloat16,
}
