using System.Runtime.CompilerServices;
using Microsoft.ML.Moka.Tensors.Cpu.Memory;

namespace Microsoft.ML.Moka.Tensors.Cpu.Weights;

/// <summary>A weight in blocks that carry their scales, kept as a file has them.</summary>
internal abstract unsafe class PackedWeight : CpuWeight
{
    private readonly NativeBuffer _blocks;

    private PackedWeight(PackedMatrix matrix)
        : base(matrix.Rows, matrix.Columns) => _blocks = NativeBuffer.Of(matrix.Blocks.Span);

    public static PackedWeight Of(PackedMatrix matrix, SimdLevel simd) =>
        matrix.Format == PackedFormat.Q4_0 ? new Kind<Q40Codes>(matrix, simd)
        : matrix.Format == PackedFormat.Q4_1 ? new Kind<Q41Codes>(matrix, simd)
        : matrix.Format == PackedFormat.Q8_0 ? new Kind<Q80Codes>(matrix, simd)
        : throw new ArgumentException($"The CPU backend has no kernel for weights in {matrix.Format.Name}.", nameof(matrix));

    public override long ByteCount => _blocks.ByteCount;

    public override void Dispose() => _blocks.Dispose();

    private sealed class Kind<TCodes> : PackedWeight
        where TCodes : struct, IPackedCodes
    {
        private const int Block = PackedFormat.BlockLength;

        private readonly int _rowBytes;
        private readonly SimdLevel _simd;

        public Kind(PackedMatrix matrix, SimdLevel simd)
            : base(matrix)
        {
            _rowBytes = Columns / Block * TCodes.BlockBytes;
            _simd = simd;
        }

        public override void Expand(int row, int rows, int column, int count, float* destination, int stride)
        {
            var first = (byte*)_blocks.Data + (long)row * _rowBytes;
            if (_simd == SimdLevel.Vector512 && count == Block && column % Block == 0)
            {
                PackedKernels<TCodes>.Columns512(first + column / Block * TCodes.BlockBytes, _rowBytes, rows, destination, stride);
                return;
            }
            for (var i = 0; i < rows; i++, first += _rowBytes, destination += stride)
                ExpandRun(first, column, count, destination);
        }

        public override bool HasLanes => true;

        [SkipLocalsInit]
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public override StoredLanes Lanes(int row, int lanes, int column, int depth, float* scales, float* least)
        {
            var headers = stackalloc uint[depth / Block * lanes];
            var first = (byte*)_blocks.Data + (long)row * _rowBytes;
            var skipped = column / Block * TCodes.BlockBytes;
            for (var i = 0; i < lanes; i++)
            {
                var block = first + (long)i * _rowBytes + skipped;
                for (var header = headers + i; header < headers + depth / Block * lanes; header += lanes, block += TCodes.BlockBytes)
                    *header = Unsafe.ReadUnaligned<uint>(block);
            }
            PackedKernels<TCodes>.Halves(headers, depth / Block * lanes, scales, least);
            return new StoredLanes
            {
                Form = TCodes.HasBytes ? LaneForm.Bytes : LaneForm.Halves, First = first + skipped + TCodes.HeaderBytes, LaneBytes = _rowBytes,
                StepBytes = TCodes.BlockBytes, Depth = depth, Scales = scales, Least = TCodes.HasMinimum ? least : null, Table = TCodes.Table,
                Next = first + lanes * ((long)_rowBytes + skipped),
            };
        }

        /// <summary>Writes elements of a row: halves of blocks, and singly what is left at the ends.</summary>
        private void ExpandRun(byte* row, int column, int count, float* destination)
        {
            for (var done = 0; done < count;)
            {
                var (block, within) = Math.DivRem(column + done, Block);
                var at = row + (long)block * TCodes.BlockBytes;
                if (within % 16 == 0 && count - done >= 16 && _simd != SimdLevel.Scalar)
                {
                    if (_simd == SimdLevel.Vector128)
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
