using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Moka.Tensors.Cpu.Memory;

namespace Microsoft.ML.Moka.Tensors.Cpu.Weights;

/// <summary>
/// A weight in blocks that carry their scales. It takes as many bytes as in a file, but scales are kept apart from codes, and those of neighbouring rows beside
/// each other, so that a product of many rows' lanes reads both in a stream.
/// </summary>
internal abstract unsafe class PackedWeight : CpuWeight
{
    private const int Block = PackedFormat.BlockLength;

    /// <summary>Rows whose scales stand beside each other: as many as a product of a single row takes at a time, or a multiple.</summary>
    private const int GroupRows = 64;

    private readonly int _blocks;
    private readonly NativeBuffer _codes;
    private readonly NativeBuffer _headers;

    private PackedWeight(PackedMatrix matrix, int headerHalves)
        : base(matrix.Rows, matrix.Columns)
    {
        _blocks = Columns / Block;
        var headerBytes = headerHalves * sizeof(ushort);
        var codeBytes = matrix.Format.BlockBytes - headerBytes;
        _codes = new NativeBuffer((long)Rows * _blocks * codeBytes);
        _headers = new NativeBuffer((long)Rows * _blocks * headerBytes);
        fixed (byte* blocks = matrix.Blocks.Span)
        {
            byte* from = blocks, to = (byte*)_codes.Data;
            for (var row = 0; row < Rows; row++)
                for (var block = 0; block < _blocks; block++, from += headerBytes + codeBytes, to += codeBytes)
                {
                    for (var part = 0; part < headerHalves; part++)
                        *Header(row, block, part, headerHalves) = ((ushort*)from)[part];
                    Unsafe.CopyBlockUnaligned(to, from + headerBytes, (uint)codeBytes);
                }
        }
    }

    public static PackedWeight Of(PackedMatrix matrix, SimdLevel simd) =>
        matrix.Format == PackedFormat.Q4_0 ? new Kind<Q40Codes>(matrix, simd)
        : matrix.Format == PackedFormat.Q4_1 ? new Kind<Q41Codes>(matrix, simd)
        : matrix.Format == PackedFormat.Q8_0 ? new Kind<Q80Codes>(matrix, simd)
        : throw new ArgumentException($"The CPU backend has no kernel for weights in {matrix.Format.Name}.", nameof(matrix));

    public override long ByteCount => _codes.ByteCount + _headers.ByteCount;

    public override void Dispose()
    {
        _codes.Dispose();
        _headers.Dispose();
    }

    /// <summary>The scale of a row's block, or with the <paramref name="part"/> 1 its least value: [groups, blocks, parts, rows of the group].</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ushort* Header(int row, int block, int part, int parts)
    {
        var first = row & -GroupRows;
        return (ushort*)_headers.Data + ((long)first * _blocks + (long)block * RowsOfGroup(first)) * parts + part * RowsOfGroup(first) + (row - first);
    }

    private int RowsOfGroup(int first) => Math.Min(GroupRows, Rows - first);

    private sealed class Kind<TCodes>(PackedMatrix matrix, SimdLevel simd) : PackedWeight(matrix, TCodes.HasMinimum ? 2 : 1)
        where TCodes : struct, IPackedCodes
    {
        private static int Parts => TCodes.HasMinimum ? 2 : 1;

        private int RowBytes => _blocks * TCodes.CodeBytes;

        public override bool HasLanes => true;

        public override void Expand(int row, int rows, int column, int count, float* destination, int stride)
        {
            var isColumn = simd == SimdLevel.Vector512 && count == Block && column % Block == 0;
            for (var end = row + rows; row < end; row++, destination += stride)
                if (isColumn)
                    PackedKernels<TCodes>.Block512(At(row, column / Block), destination);
                else
                    ExpandRun(row, column, count, destination);
        }

        public override StoredLanes Lanes(int row, int lanes, int column, int depth, float* scales, float* least)
        {
            for (var block = column / Block; block < (column + depth) / Block; block++, scales += lanes, least += lanes)
            {
                LayOut(row, lanes, block, 0, scales);
                if (TCodes.HasMinimum)
                    LayOut(row, lanes, block, 1, least);
            }
            var laidOut = depth / Block * lanes;
            var skipped = column / Block * TCodes.CodeBytes;
            var first = (byte*)_codes.Data + (long)row * RowBytes;
            return new StoredLanes
            {
                Form = TCodes.HasBytes ? LaneForm.Bytes : LaneForm.Halves, First = first + skipped, LaneBytes = RowBytes, StepBytes = TCodes.CodeBytes,
                Depth = depth, Scales = scales - laidOut, Least = TCodes.HasMinimum ? least - laidOut : null, Table = TCodes.Table,
                Next = first + lanes * ((long)RowBytes + skipped),
            };
        }

        private void LayOut(int row, int lanes, int block, int part, float* target)
        {
            for (var end = row + lanes; row < end;)
            {
                var first = row & -GroupRows;
                var count = Math.Min(end, first + GroupRows) - row;
                Fetch(first + GroupRows, block, part);
                PackedKernels<TCodes>.Halves(Header(row, block, part, Parts), count, target);
                row += count;
                target += count;
            }
        }

        /// <summary>Fetches what is laid out when the rows of the next group follow.</summary>
        private void Fetch(int first, int block, int part)
        {
            if (first >= Rows || !Sse.IsSupported)
                return;
            byte* header = (byte*)Header(first, block, part, Parts), end = header + GroupRows * sizeof(ushort);
            for (; header < end; header += 64)
                Sse.Prefetch0(header);
        }

        private PackedBlock At(int row, int block) =>
            new((byte*)_codes.Data + (long)row * RowBytes + block * TCodes.CodeBytes, *Header(row, block, 0, Parts),
                TCodes.HasMinimum ? *Header(row, block, 1, Parts) : (ushort)0);

        /// <summary>Writes elements of a row: halves of blocks, and singly what is left at the ends.</summary>
        private void ExpandRun(int row, int column, int count, float* destination)
        {
            for (var done = 0; done < count;)
            {
                var (block, within) = Math.DivRem(column + done, Block);
                var at = At(row, block);
                if (within % 16 == 0 && count - done >= 16 && simd != SimdLevel.Scalar)
                {
                    if (simd == SimdLevel.Vector128)
                        PackedKernels<TCodes>.Half128(at, within / 16, destination + done);
                    else
                        PackedKernels<TCodes>.Half256(at, within / 16, destination + done);
                    done += 16;
                    continue;
                }
                for (var end = Math.Min((within | 15) + 1, within + count - done); within < end; within++, done++)
                    destination[done] = PackedKernels<TCodes>.Element(at, within);
            }
        }
    }
}
