using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Tensors;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = Microsoft.ML.Moka.Tensors.Tensor;

namespace Microsoft.ML.Moka.Torch;

internal sealed partial class TorchBackend
{
    /// <summary>What passes through host memory at a time on its way to the device: a weight needs no second copy there.</summary>
    public int StagingBytes { get; init; } = 64 << 20;

    public override Tensor Zeros(TensorKind kind, int rows, int columns = 1) =>
        Make(kind, rows, columns, () => zeros(rows, columns, dtype: TypeOf(kind), device: _device));

    public override Tensor Upload(TensorKind kind, ReadOnlySpan<float> values, int rows, int columns = 1)
    {
        if (kind == TensorKind.Index)
            throw new ArgumentException("Indices are uploaded from integers.", nameof(kind));
        if (values.Length != (long)rows * columns)
            throw new ArgumentException($"{values.Length} values do not fill [{rows}, {columns}].", nameof(values));
        using var elements = Owned(values, ScalarType.Float32);
        return Make(kind, rows, columns, () => elements.alias());
    }

    public override Tensor Upload(ReadOnlySpan<int> values)
    {
        var (smallest, largest) = (0, 0);
        foreach (var value in values)
            (smallest, largest) = (Math.Min(smallest, value), Math.Max(largest, value));
        return new DeviceTensor(this, TensorKind.Index, values.Length, 1, Owned(values, ScalarType.Int32)) { Range = (smallest, largest) };
    }

    public override void Download(Tensor source, Span<float> destination)
    {
        if (destination.Length != source.Length)
            throw new ArgumentException($"The destination has {destination.Length} elements; the tensor has {source.Length}.", nameof(destination));
        if (destination.IsEmpty)
            return;
        using var host = Guard(() =>
        {
            using var scope = NewDisposeScope();
            return N(source).to(ScalarType.Float32).cpu().contiguous().DetachFromDisposeScope();
        });
        MemoryMarshal.Cast<byte, float>(host.bytes).CopyTo(destination);
    }

    public override void Copy(Tensor source, Tensor destination)
    {
        RequireShape(destination, source.Rows, source.Columns, nameof(destination));
        Run(() => N(destination).copy_(N(source)));
    }

    public override WeightMatrix Upload(StoredMatrix matrix) => matrix switch
    {
        DenseMatrix dense => new FloatWeight(dense.Rows, dense.Columns, dense.ByteCount,
            Owned(dense.Elements.Span, TypeOf(dense.Format), dense.Length)),
        CodedMatrix { Format.Layout: CodeLayout.Pairs } pairs => new FourBitWeight(
            pairs, Owned(pairs.Codes.Span, ScalarType.Byte), PairsOf(pairs.Format),
            ScalesOf(pairs.Scales)),
        CodedMatrix { Format.Layout: CodeLayout.SignedBytes } bytes =>
            new EightBitWeight(bytes, Owned(bytes.Codes.Span, ScalarType.Int8), ScalesOf(bytes.Scales)),
        PackedMatrix packed => UploadBlocks(packed),
        CodedMatrix coded => throw new ArgumentException($"This backend has no kernel for weights in {coded.Format.Name}.", nameof(matrix)),
        _ => throw new ArgumentException($"{matrix.GetType().Name} is no form of a weight that this backend knows.", nameof(matrix)),
    };

    /// <summary>Codes and their scales lie apart on the device, where bytes cannot be read as halves.</summary>
    private PackedWeight UploadBlocks(PackedMatrix matrix)
    {
        var bytes = matrix.Blocks.Span;
        var halves = matrix.Format.HeaderBytes / sizeof(ushort);
        var (blockBytes, blocks) = (matrix.Format.BlockBytes, bytes.Length / matrix.Format.BlockBytes);
        var headers = new ushort[blocks * halves];
        for (var block = 0; block < blocks; block++)
            for (var i = 0; i < halves; i++)
                headers[block * halves + i] = BinaryPrimitives.ReadUInt16LittleEndian(bytes[(block * blockBytes + sizeof(ushort) * i)..]);
        using var whole = Owned(bytes, ScalarType.Byte);
        var apart = Guard(() =>
        {
            using var scope = NewDisposeScope();
            var codes = whole.view(blocks, blockBytes).narrow(1, matrix.Format.HeaderBytes, blockBytes - matrix.Format.HeaderBytes);
            return codes.contiguous().DetachFromDisposeScope();
        });
        return new PackedWeight(matrix, apart, Owned<ushort>(headers, ScalarType.Float16));
    }

    public override WeightMatrix AsWeight(Tensor parameter) => new TensorWeight((DeviceTensor)parameter);

    /// <summary>All in one vector.</summary>
    public override IReadOnlyList<Tensor> Join(IReadOnlyList<Tensor> tensors)
    {
        var length = tensors.Sum(tensor => tensor.Length);
        if (tensors.Count < 2 || length > int.MaxValue)
            return tensors;
        return Guard(() =>
        {
            using var scope = NewDisposeScope();
            var whole = empty(length, dtype: ScalarType.Float32, device: _device);
            var start = 0L;
            foreach (var tensor in tensors.Cast<DeviceTensor>())
            {
                tensor.MoveTo(whole.narrow(0, start, tensor.Length).view(tensor.Rows, tensor.Columns).DetachFromDisposeScope());
                start += tensor.Length;
            }
            var elements = whole.view(-1, 1).DetachFromDisposeScope();
            return (IReadOnlyList<Tensor>)[new DeviceTensor(this, TensorKind.Parameter, (int)length, 1, elements, isShared: true)];
        });
    }

    private static ScalarType TypeOf(DenseFormat format) => format switch
    {
        DenseFormat.Float32 => ScalarType.Float32,
        DenseFormat.Float16 => ScalarType.Float16,
        _ => ScalarType.BFloat16,
    };

    private NativeTensor PairsOf(WeightFormat format)
    {
        using var values = Owned<float>(FourBitWeight.Pairs(format.Table.Span), ScalarType.Float32);
        using var pairs = values.view(256, 2);
        return pairs.clone().DetachFromDisposeScope();
    }

    private DeviceScales ScalesOf(BlockScales scales) => scales switch
    {
        FloatScales floats => new DeviceScales(Owned(floats.Absmax.Span, ScalarType.Float32), null),
        NestedScales nested => new DeviceScales(
            Owned(nested.NestedAbsmax.Span, ScalarType.Float32),
            new NestedCodes(Owned(nested.Codes.Span, ScalarType.Byte), Owned(nested.Map.Span, ScalarType.Float32), nested.NestedBlockSize, nested.Offset)),
        _ => throw new ArgumentException($"{scales.GetType().Name} are no scales that this backend knows.", nameof(scales)),
    };

    /// <summary>A vector on the device, which belongs to no scope.</summary>
    private NativeTensor Owned<T>(ReadOnlySpan<T> values, ScalarType type, long? count = null)
        where T : unmanaged => ToDevice(values, type, count).DetachFromDisposeScope();

    /// <summary>A vector on the device, in the caller's scope.</summary>
    /// <param name="values">The elements' bytes, of the type that follows.</param>
    /// <param name="type">Their type.</param>
    /// <param name="count">How many they are; as many as values if not given.</param>
    private NativeTensor ToDevice<T>(ReadOnlySpan<T> values, ScalarType type, long? count = null)
        where T : unmanaged
    {
        var source = MemoryMarshal.AsBytes(values);
        var elements = count ?? values.Length;
        var size = elements == 0 ? 1 : (int)(source.Length / elements);
        try
        {
            using var scope = NewDisposeScope();
            var target = empty(elements, dtype: type, device: _device);
            var chunk = Math.Max(1, StagingBytes / size) * size;
            for (var start = 0; start < source.Length; start += chunk)
            {
                var part = source.Slice(start, Math.Min(chunk, source.Length - start));
                using var staged = empty(part.Length / size, dtype: type, device: CPU);
                part.CopyTo(staged.bytes);
                using var place = target.narrow(0, start / size, part.Length / size);
                place.copy_(staged);
            }
            return target.MoveToOuterDisposeScope();
        }
        catch (ExternalException e)
        {
            throw Failure(e);
        }
    }
}
