using System.Diagnostics.CodeAnalysis;

namespace Microsoft.ML.Moka;

/// <summary>How workers send the gradient of a batch.</summary>
[SuppressMessage("Naming", "CA1720", Justification = "The name of the number's format, as everyone calls it.")]
public enum MokaExchange
{
    /// <summary>As it is: 4 bytes for each trained parameter, and the bits of a run on one machine.</summary>
    Float32,

    /// <summary>Rounded to the nearest bfloat16, 2 bytes for each: 8 bits of precision.</summary>
    BFloat16,
}
