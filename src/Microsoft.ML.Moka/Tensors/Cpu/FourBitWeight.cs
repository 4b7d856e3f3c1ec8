using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.Moka.Tensors.Cpu;

/// <summary>
/// A weight in 4-bit codes. The table of 16 values is scaled once for each block; codes are then looked up by a permutation of the registers that
/// hold it.
/// </summary>
internal sealed unsafe class FourBitWeight : CpuWeight
{
    private readonly NativeBuffer _codes;
    private readonly NativeBuffer _table;
    private readonly BlockScaleTable _scales;
    private readonly int _blockSize;
    private readonly SimdLevel _simd;

    public FourBitWeight(FourBitMatrix matrix, SimdLevel simd)
        : base(matrix.Rows, matrix.Columns)
    {
        if (matrix.Codes.Length != (matrix.Length + 1) / 2)
            throw new ArgumentException($"{matrix.Codes.Length} bytes do not hold the 4-bit codes of [{Rows}, {Columns}].", nameof(matrix));
        if (matrix.Table.Length != 16)
            throw new ArgumentException($"The table of 4-bit codes has {matrix.Table.Length} entries; 16 are needed.", nameof(matrix));
        _scales = new BlockScaleTable(matrix.Scales, matrix.Length, matrix.BlockSize);
        _blockSize = matrix.BlockSize;
        _codes = NativeBuffer.Of(matrix.Codes.Span);
        _table = NativeBuffer.Of(matrix.Table.Span);
        _simd = simd == SimdLevel.Vector512 ? SimdLevel.Vector512
            : simd == SimdLevel.Vector256 && Avx2.IsSupported ? SimdLevel.Vector256
            : SimdLevel.Scalar;
    }

    public override long ByteCount => _codes.ByteCount + _scales.ByteCount;

    public override void Dispose()
    {
        _codes.Dispose();
        _table.Dispose();
        _scales.Dispose();
    }

    public override void Expand(int row, int rows, int column, int count, float* destination, int stride)
    {
        for (var i = 0; i < rows; i++)
            ExpandRun((long)(row + i) * Columns + column, count, destination + (long)i * stride);
    }

    /// <summary>Writes the elements [first, first + count) of the flattened matrix.</summary>
    private void ExpandRun(long first, int count, float* destination)
    {
        var codes = (byte*)_codes.Data;
        var table = (float*)_table.Data;
        for (var done = 0; done < count;)
        {
            var element = first + done;
            var block = element / _blockSize;
            var end = (int)Math.Min(count, (block + 1) * _blockSize - first);
            var scale = _scales[block];
            if ((element & 1) != 0)
            {
                destination[done++] = table[codes[element >> 1] & 15] * scale;
                element++;
            }
            done += _simd switch
            {
                SimdLevel.Vector512 => LookUp512(codes + (element >> 1), end - done, table, scale, destination + done),
                SimdLevel.Vector256 => LookUp256(codes + (element >> 1), end - done, table, scale, destination + done),
                _ => 0,
            };
            for (; done < end; done++)
            {
                element = first + done;
                destination[done] = table[(codes[element >> 1] >> (element % 2 == 0 ? 4 : 0)) & 15] * scale;
            }
        }
    }

    /// <summary>Writes whole vectors and returns how many elements that were; the codes begin with a high nibble.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int LookUp512(byte* codes, int count, float* table, float scale, float* destination)
    {
        var scaled = Vector512.Load(table) * scale;
        var halves = Vector512.Create(0u, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
        var shifts = Vector512.Create(4u, 0, 12, 8, 20, 16, 28, 24, 4, 0, 12, 8, 20, 16, 28, 24);
        var i = 0;
        for (; i <= count - 16; i += 16)
        {
            var words = Avx512F.PermuteVar16x32(Vector512.Create(*(ulong*)(codes + i / 2)).AsUInt32(), halves);
            // The permutation reads the low four bits of each index and no others.
            Avx512F.PermuteVar16x32(scaled, Avx512F.ShiftRightLogicalVariable(words, shifts).AsInt32()).Store(destination + i);
        }
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int LookUp256(byte* codes, int count, float* table, float scale, float* destination)
    {
        var low = Vector256.Load(table) * scale;
        var high = Vector256.Load(table + 8) * scale;
        var shifts = Vector256.Create(4u, 0, 12, 8, 20, 16, 28, 24);
        var i = 0;
        for (; i <= count - 8; i += 8)
        {
            var indices = Avx2.ShiftRightLogicalVariable(Vector256.Create(*(uint*)(codes + i / 2)), shifts);
            // The permutations read the low three bits; the fourth, moved to the sign, chooses between them.
            Avx.BlendVariable(
                Avx2.PermuteVar8x32(low, indices.AsInt32()), Avx2.PermuteVar8x32(high, indices.AsInt32()), (indices << 28).AsSingle())
                .Store(destination + i);
        }
        return i;
    }
}
