using Microsoft.ML.Moka.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Moka.Torch;

/// <summary>A weight in blocks along its rows that have their own scales, and perhaps least values.</summary>
/// <param name="matrix">The weight.</param>
/// <param name="codes">[blocks, bytes of codes].</param>
/// <param name="headers">The float16 that each block begins with.</param>
internal sealed class PackedWeight(PackedMatrix matrix, NativeTensor codes, NativeTensor headers)
    : DeviceWeight(matrix.Rows, matrix.Columns, matrix.ByteCount, codes, headers)
{
    private readonly PackedFormat _format = matrix.Format;
    private static readonly Scalar LargestSigned = 127;
    private static readonly Scalar CodesOfByte = 256;
    private readonly Scalar _zero = matrix.Format.Zero;

    private int BlocksPerRow => Columns / PackedFormat.BlockLength;

    public override NativeTensor Expand(int row, int count, ScalarType type, bool isChanged)
    {
        using var scope = NewDisposeScope();
        return Decode(CodesByRow.narrow(0, row, count), HeadersByRow.narrow(0, row, count), count, type).MoveToOuterDisposeScope();
    }

    /// <summary>No other rows are expanded: an embedding has many.</summary>
    public override NativeTensor Gather(NativeTensor rows)
    {
        using var scope = NewDisposeScope();
        return Decode(CodesByRow.index_select(0, rows), HeadersByRow.index_select(0, rows), (int)rows.shape[0], ScalarType.Float32).MoveToOuterDisposeScope();
    }

    private NativeTensor CodesByRow => codes.view(Rows, BlocksPerRow, -1);

    private NativeTensor HeadersByRow => headers.view(Rows, BlocksPerRow, -1);

    private NativeTensor Decode(NativeTensor rows, NativeTensor halves, int count, ScalarType type)
    {
        NativeTensor values;
        if (_format.Bits == 8)
        {
            // Two's complement: what is above 127 counts from 256 down.
            values = rows.to(ScalarType.Float32);
            values.sub_(values.gt(LargestSigned).to(ScalarType.Float32).mul_(CodesOfByte));
        }
        else
        {
            values = cat([rows.bitwise_and(15), rows.bitwise_right_shift(4)], dim: 2).to(ScalarType.Float32);
        }
        if (_format.Zero != 0)
            values.sub_(_zero);
        var floats = halves.to(ScalarType.Float32);
        values.mul_(floats.narrow(2, 0, 1));
        if (_format.HasMinimum)
            values.add_(floats.narrow(2, 1, 1), Scalars.One);
        var whole = values.view(count, Columns);
        // Products and sums are float32, and rounded once.
        return type == ScalarType.Float32 ? whole : whole.to(type);
    }
}
