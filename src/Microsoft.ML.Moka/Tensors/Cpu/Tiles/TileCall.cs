using System.Runtime.InteropServices;

namespace Microsoft.ML.Moka.Tensors.Cpu.Tiles;

/// <summary>
/// What <see cref="TileUnit"/> is told: To = A · B, or From + A · B, for whole blocks of 32 rows and one panel of 32 lanes. The machine code knows the offsets
/// of the fields.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct TileCall
{
    /// <summary>Bytes of a tile: 16 rows of 64 bytes.</summary>
    public const int TileBytes = 1024;

    /// <summary>Depths that one step of the loop multiplies: a row of a tile in bfloat16.</summary>
    public const int StepDepth = 32;

    /// <summary>Rows of a block, and lanes of a panel: two tiles.</summary>
    public const int Lanes = 32;

    /// <summary>Bytes of the sums of a block.</summary>
    public const int SumBytes = 4 * TileBytes;

    /// <summary>The left operand: [row block][step][2 tiles of 16 rows × 32 depths], with low parts [row block][step][2 tiles, 2 tiles of low parts].</summary>
    public byte* A;

    /// <summary>The panel: [step][2 tiles of 16 pairs of depths × 16 lanes × 2], with low parts likewise.</summary>
    public byte* B;

    /// <summary>The sums so far, [row block][32 rows][32 lanes]; the kernels that add move it on.</summary>
    public byte* From;

    private readonly long _reserved;

    /// <summary>Where the 32 lanes of the first row go.</summary>
    public byte* To;

    /// <summary>Bytes from row to row.</summary>
    public long ToStride;

    /// <summary>Steps of the depth, at least 1.</summary>
    public long Steps;

    /// <summary>Blocks of 32 rows, at least 1.</summary>
    public long RowBlocks;

    private fixed byte _configuration[64];

    /// <summary>Bytes of a step: two tiles, and two of low parts.</summary>
    public static int StepBytes(bool split) => (split ? 4 : 2) * TileBytes;

    /// <summary>Palette 1, eight tiles of 16 rows of 64 bytes (Intel's manual, LDTILECFG).</summary>
    public void Configure()
    {
        _configuration[0] = 1;
        fixed (byte* configuration = _configuration)
            for (var tile = 0; tile < 8; tile++)
            {
                *(ushort*)(configuration + 16 + 2 * tile) = 64;
                configuration[48 + tile] = 16;
            }
    }
}
