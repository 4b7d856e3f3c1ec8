using System.Diagnostics.CodeAnalysis;

namespace Microsoft.ML.Moka;

/// <summary>
/// How the frozen linear maps of a backbone are kept in memory. Embeddings, norms and the head stay as the checkpoint has them, and so does what is quantized
/// there already: bitsandbytes' 4 bits, and a GGUF's tensors in Q4_0, Q4_1 and Q8_0.
/// </summary>
[SuppressMessage("Naming", "CA1720:Identifier contains type name", Justification = "The field calls this quantization int8.")]
public enum BackboneQuantization
{
    /// <summary>As the checkpoint has them: 2 or 4 bytes per weight.</summary>
    None,

    /// <summary>
    /// 4 bits per weight, at the quantiles of a normal distribution (QLoRA, arXiv 2305.14314), in blocks of 64 with their scales quantized to 8 bits:
    /// about 4.13 bits per weight.
    /// </summary>
    NF4,

    /// <summary>4-bit floats (1 sign, 2 exponent and 1 mantissa bit), in blocks as <see cref="NF4"/>.</summary>
    FP4,

    /// <summary>8 bits per weight, evenly spaced, in blocks as <see cref="NF4"/>.</summary>
    Int8,
}
