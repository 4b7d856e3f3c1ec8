using System.Diagnostics;

namespace Microsoft.ML.Moka.Tensors.Cpu.Tiles;

/// <summary>
/// The processor's vectors of 512 bits as tiles (AVX512_BF16, VDPBF16PS): <see cref="VectorTileCode"/> in executable memory. A product of bfloat16 takes half
/// as long as one of 32-bit floats there, so that three of them are no gain: it has no split.
/// </summary>
internal sealed unsafe class VectorTiles : TileUnit
{
    private readonly delegate* unmanaged<TileCall*, void> _multiply = Load(VectorTileCode.Multiply);
    private readonly delegate* unmanaged<TileCall*, void> _add = Load(VectorTileCode.Add);

    public override string Name => "AVX-512";

    public override bool HasSplit => false;

    public override void Multiply(TileCall* call, bool split, bool add)
    {
        Debug.Assert(!split, "There are no low parts here.");
        (add ? _add : _multiply)(call);
    }
}
