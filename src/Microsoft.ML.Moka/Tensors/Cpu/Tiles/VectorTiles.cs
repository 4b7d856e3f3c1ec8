using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.Moka.Tensors.Cpu.Tiles;

/// <summary>
/// The processor's vectors of 512 bits as tiles (AVX512_BF16, VDPBF16PS): <see cref="VectorTileCode"/> in executable memory. On AMD's processors a product of
/// bfloat16 takes half as long as one of 32-bit floats, so that three of them are no gain: it has no split.
/// </summary>
internal sealed unsafe class VectorTiles : TileUnit
{
    private readonly delegate* unmanaged<TileCall*, void> _multiply = Load(VectorTileCode.Multiply);
    private readonly delegate* unmanaged<TileCall*, void> _add = Load(VectorTileCode.Add);

    /// <summary>Leaf 7, subleaf 1, bit 5: AVX512_BF16. What .NET's vectors of 512 bits run on, the system has switched on.</summary>
    public static bool IsSupported { get; } =
        RuntimeInformation.ProcessArchitecture == Architecture.X64 && SimdLevels.Best == SimdLevel.Vector512
        && X86Base.CpuId(0, 0).Eax >= 7 && X86Base.CpuId(7, 0).Eax >= 1 && (X86Base.CpuId(7, 1).Eax >> 5 & 1) != 0;

    public override string Name => "AVX-512";

    public override bool HasSplit => false;

    public override void Multiply(TileCall* call, bool split, bool add)
    {
        Debug.Assert(!split, "There are no low parts here.");
        (add ? _add : _multiply)(call);
    }
}
