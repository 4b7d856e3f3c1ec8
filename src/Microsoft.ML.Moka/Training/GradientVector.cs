using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Training;

/// <summary>All values, or all gradients, of a model's parameters one after the other, in host memory and as bytes.</summary>
internal static class GradientVector
{
    private const int LossBytes = sizeof(double);

    public static float[] Values(TrainedModel model) => Read(model, parameter => parameter.Value);

    public static float[] Gradients(TrainedModel model) => Read(model, parameter => parameter.Gradient);

    public static void SetValues(TrainedModel model, ReadOnlySpan<float> values)
    {
        RequireLength(model, values.Length);
        foreach (var parameter in model.Parameters)
        {
            parameter.Overwrite(model.Backend, values[..(int)parameter.Length]);
            values = values[(int)parameter.Length..];
        }
    }

    public static void SetGradients(TrainedModel model, ReadOnlySpan<float> gradients)
    {
        RequireLength(model, gradients.Length);
        foreach (var parameter in model.Parameters)
        {
            WeightSnapshot.Overwrite(model.Backend, parameter.Gradient, gradients[..(int)parameter.Length]);
            gradients = gradients[(int)parameter.Length..];
        }
    }

    public static byte[] ToBytes(ReadOnlySpan<float> values) => MemoryMarshal.AsBytes(values).ToArray();

    public static ReadOnlySpan<float> FromBytes(byte[] bytes) => MemoryMarshal.Cast<byte, float>(bytes);

    /// <summary>A share's loss and gradient as they are sent; the loss alone where it is not finite.</summary>
    public static byte[] Pack(double loss, float[]? gradient, MokaExchange exchange)
    {
        var size = gradient is null ? 0 : exchange == MokaExchange.Float32 ? sizeof(float) : sizeof(ushort);
        var bytes = new byte[LossBytes + size * (gradient?.Length ?? 0)];
        BinaryPrimitives.WriteDoubleLittleEndian(bytes, loss);
        if (gradient is null)
            return bytes;
        if (exchange == MokaExchange.Float32)
        {
            MemoryMarshal.AsBytes<float>(gradient).CopyTo(bytes.AsSpan(LossBytes));
            return bytes;
        }
        var rounded = MemoryMarshal.Cast<byte, ushort>(bytes.AsSpan(LossBytes));
        for (var i = 0; i < gradient.Length; i++)
            rounded[i] = Round(gradient[i]);
        return bytes;
    }

    public static double LossIn(byte[] bytes) => BinaryPrimitives.ReadDoubleLittleEndian(bytes);

    /// <summary>Takes a packed gradient as the sum, or adds it.</summary>
    public static void Add(byte[] packed, MokaExchange exchange, Span<float> sum, bool isFirst)
    {
        var bytes = packed.AsSpan(LossBytes);
        if (bytes.Length != (exchange == MokaExchange.Float32 ? sizeof(float) : sizeof(ushort)) * (long)sum.Length)
            throw new InvalidOperationException($"A gradient of {bytes.Length} bytes came where {sum.Length} values in {exchange} were to come.");
        if (exchange == MokaExchange.Float32)
        {
            var values = MemoryMarshal.Cast<byte, float>(bytes);
            for (var i = 0; i < sum.Length; i++)
                sum[i] = isFirst ? values[i] : sum[i] + values[i];
            return;
        }
        var rounded = MemoryMarshal.Cast<byte, ushort>(bytes);
        for (var i = 0; i < sum.Length; i++)
        {
            var value = BitConverter.UInt32BitsToSingle((uint)rounded[i] << 16);
            sum[i] = isFirst ? value : sum[i] + value;
        }
    }

    /// <summary>To the nearest, ties to the even one; a NaN stays one.</summary>
    private static ushort Round(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    private static float[] Read(TrainedModel model, Func<Parameter, Tensor> part)
    {
        var values = new float[model.Parameters.Sum(parameter => parameter.Length)];
        var place = 0;
        foreach (var parameter in model.Parameters)
        {
            model.Backend.Download(part(parameter), values.AsSpan(place, (int)parameter.Length));
            place += (int)parameter.Length;
        }
        return values;
    }

    private static void RequireLength(TrainedModel model, int length)
    {
        if (model.Parameters.Sum(parameter => parameter.Length) is var wanted && wanted != length)
            throw new InvalidOperationException($"The run has {length} trained values, and the model that was made here of its adapter {wanted}.");
    }
}
