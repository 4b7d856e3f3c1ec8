using System.Numerics.Tensors;
using System.Runtime.Intrinsics;
using Microsoft.ML.Moka.Tensors.Cpu.Memory;

namespace Microsoft.ML.Moka.Tensors.Cpu.Weights;

/// <summary>An unquantized weight, kept in the format that it was stored in.</summary>
internal sealed unsafe class DenseWeight : CpuWeight
{
    private readonly DenseFormat _format;
    private readonly NativeBuffer _elements;

    public DenseWeight(DenseMatrix matrix)
        : base(matrix.Rows, matrix.Columns)
    {
        if (!BitConverter.IsLittleEndian)
            throw new PlatformNotSupportedException("Stored weights are little-endian; this machine is not.");
        _format = matrix.Format;
        var bytes = matrix.Length * (_format == DenseFormat.Float32 ? 4 : 2);
        if (matrix.Elements.Length != bytes)
            throw new ArgumentException($"{matrix.Elements.Length} bytes do not hold [{Rows}, {Columns}] of {_format}.", nameof(matrix));
        _elements = NativeBuffer.Of(matrix.Elements.Span);
    }

    public override long ByteCount => _elements.ByteCount;

    public override float* Elements => _format == DenseFormat.Float32 ? (float*)_elements.Data : null;

    public override void Dispose() => _elements.Dispose();

    public override void Expand(int row, int rows, int column, int count, float* destination, int stride)
    {
        for (var i = 0; i < rows; i++)
            ExpandRun((long)(row + i) * Columns + column, count, destination + (long)i * stride);
    }

    public override bool HasLanes => true;

    public override StoredLanes Lanes(int row, int lanes, int column, int depth, float* scales, float* least)
    {
        var size = _format == DenseFormat.Float32 ? 4 : 2;
        var first = (byte*)_elements.Data + (long)row * Columns * size;
        return new StoredLanes
        {
            Form = _format switch
            {
                DenseFormat.Float32 => LaneForm.Float32,
                DenseFormat.BFloat16 => LaneForm.BFloat16,
                _ => LaneForm.Float16,
            },
            First = first + column * size, LaneBytes = (long)Columns * size, StepBytes = 32 * size, Depth = depth,
            Next = first + (long)lanes * size * (Columns + column),
        };
    }

    /// <summary>Writes the elements [first, first + count) of the flattened matrix.</summary>
    private void ExpandRun(long first, int count, float* destination)
    {
        var target = new Span<float>(destination, count);
        switch (_format)
        {
            case DenseFormat.Float32:
                new ReadOnlySpan<float>((float*)_elements.Data + first, count).CopyTo(target);
                break;
            case DenseFormat.Float16:
                TensorPrimitives.ConvertToSingle(new ReadOnlySpan<Half>((Half*)_elements.Data + first, count), target);
                break;
            default:
                WidenBFloat16((ushort*)_elements.Data + first, count, destination);
                break;
        }
    }

    /// <summary>A bfloat16 is the upper half of a float.</summary>
    private static void WidenBFloat16(ushort* source, int count, float* destination)
    {
        var i = 0;
        for (; i <= count - 16; i += 16)
        {
            var (low, high) = Vector256.Widen(Vector256.Load(source + i));
            (low << 16).AsSingle().Store(destination + i);
            (high << 16).AsSingle().Store(destination + i + 8);
        }
        for (; i < count; i++)
            destination[i] = BitConverter.UInt32BitsToSingle((uint)source[i] << 16);
    }
}
