using System.Runtime.Intrinsics;

namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>Which family of kernels runs. Each machine has every level up to its best one.</summary>
internal enum SimdLevel
{
    /// <summary>Plain loops, for machines without vectors.</summary>
    Scalar,

    /// <summary>128-bit vectors (NEON, or SSE).</summary>
    Vector128,

    /// <summary>256-bit vectors (AVX2 with FMA).</summary>
    Vector256,

    /// <summary>512-bit vectors (AVX-512).</summary>
    Vector512,
}

internal static class SimdLevels
{
    /// <summary>The best level of this machine.</summary>
    public static SimdLevel Best { get; } =
        System.Runtime.Intrinsics.X86.Avx512F.IsSupported && Vector512.IsHardwareAccelerated ? SimdLevel.Vector512
        : System.Runtime.Intrinsics.X86.Avx2.IsSupported && Vector256.IsHardwareAccelerated ? SimdLevel.Vector256
        : Simd128.IsSupported ? SimdLevel.Vector128
        : SimdLevel.Scalar;
}
