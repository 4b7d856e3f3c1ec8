using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Checkpoints;

/// <summary>A tensor as a safetensors file holds it: little-endian, row-major.</summary>
/// <param name="Name">Its key in the file.</param>
/// <param name="Type">The format's name of the element type: F32, BF16, U8 …</param>
/// <param name="Shape">The dimensions; none for a scalar.</param>
/// <param name="Data">Exactly the elements.</param>
/// <param name="Source">The file that it was read from, for errors.</param>
internal sealed record SafetensorsTensor(string Name, string Type, IReadOnlyList<int> Shape, ReadOnlyMemory<byte> Data, string Source = "")
    : StoredTensor(Name, Type, Shape, Data, Source)
{
    public TensorHeader Header => new(Name, Type, Shape);

    public static SafetensorsTensor Of(string name, ReadOnlySpan<float> values, params int[] shape) =>
        new(name, "F32", shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>The elements as float32; F64 is rounded, and F16 and BF16 are exact.</summary>
    public override float[] ToFloats()
    {
        var values = new float[Length];
        switch (Type)
        {
            case "F64":
                TensorPrimitives.ConvertChecked(MemoryMarshal.Cast<byte, double>(Data.Span), values.AsSpan());
                break;
            case "F32" or "F16" or "BF16":
                FloatFormats.ToFloats(FormatOf(Type)!.Value, Data.Span, values);
                break;
            default:
                throw Invalid($"has the element type {Type}, where F32, F16, BF16 or F64 can be read");
        }
        return values;
    }

    /// <summary>The tensor as an unquantized weight, without a copy unless it is F64.</summary>
    public override DenseMatrix ToMatrix()
    {
        if (Shape.Count != 2)
            throw Invalid($"has the shape {ShapeText}, where a matrix is needed");
        if (FormatOf(Type) is { } format)
            return new DenseMatrix(Shape[0], Shape[1], format, Data);
        return new DenseMatrix(Shape[0], Shape[1], DenseFormat.Float32, MemoryMarshal.AsBytes<float>(ToFloats()).ToArray());
    }

    /// <summary>What safetensors calls a format.</summary>
    public static string TypeOf(DenseFormat format) => format switch
    {
        DenseFormat.Float16 => "F16",
        DenseFormat.BFloat16 => "BF16",
        _ => "F32",
    };

    /// <summary>The format of that name; null where weights are not of it.</summary>
    public static DenseFormat? FormatOf(string type) => type switch
    {
        "F32" => DenseFormat.Float32,
        "F16" => DenseFormat.Float16,
        "BF16" => DenseFormat.BFloat16,
        _ => null,
    };
}
