using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Checkpoints;

/// <summary>
/// A quantized weight as tensors of a checkpoint. 4 bits are bitsandbytes' own layout: codes under the weight's name, beside it
/// <c>.absmax</c>, <c>.quant_map</c>, with double quantization <c>.nested_absmax</c> and <c>.nested_quant_map</c>, and
/// <c>.quant_state.bitsandbytes__nf4</c>, the bytes of a JSON object. 8 bits by block have no layout there: they are kept in the same way
/// under <c>.quant_state.moka__int8</c>.
/// </summary>
internal static class QuantizedWeight
{
    private static readonly string[] States = ["bitsandbytes__nf4", "bitsandbytes__fp4", "moka__int8"];

    private static readonly string[] Companions = [".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", ".quant_state."];

    /// <summary>Whether a tensor belongs to a quantized weight of another name, and is none by itself.</summary>
    public static bool IsCompanion(string name) => WeightOf(name) is not null;

    /// <summary>The weight that a tensor belongs to without being one by itself; null where it is one.</summary>
    public static string? WeightOf(string name)
    {
        const string weight = ".weight";
        if (name.EndsWith(".weight_format", StringComparison.Ordinal))
            return name[..^"_format".Length];
        return Array.Find(Companions, c => name.Contains(weight + c, StringComparison.Ordinal)) is { } companion
            ? name[..(name.IndexOf(weight + companion, StringComparison.Ordinal) + weight.Length)]
            : null;
    }

    /// <summary>What <see cref="Write"/> makes of a weight in 4-bit codes.</summary>
    /// <param name="name">The weight's name.</param>
    /// <param name="length">Its elements.</param>
    /// <param name="type">nf4 or fp4.</param>
    /// <param name="blockSize">Elements that share a scale.</param>
    /// <param name="nestedBlockSize">Scales that share a scale of their own; null where they are floats.</param>
    public static IReadOnlyList<TensorHeader> Describe(string name, long length, string type, int blockSize, int? nestedBlockSize)
    {
        var blocks = (int)((length - 1) / blockSize + 1);
        var headers = new List<TensorHeader>
        {
            new(name, "U8", [(int)((length + 1) / 2), 1]),
            new($"{name}.quant_map", "F32", [16]),
            new($"{name}.absmax", nestedBlockSize is null ? "F32" : "U8", [blocks]),
            new($"{name}.quant_state.bitsandbytes__{type}", "U8", [QuantizationState.WrittenBytes]),
        };
        if (nestedBlockSize is { } nested)
        {
            headers.Add(new($"{name}.nested_absmax", "F32", [(blocks - 1) / nested + 1]));
            headers.Add(new($"{name}.nested_quant_map", "F32", [256]));
        }
        return headers;
    }

    /// <summary>What bitsandbytes calls the codes of a weight.</summary>
    public static string TypeOf(FourBitMatrix matrix) => matrix.Table.Span.SequenceEqual(FourBitCode.FP4.Table.Span) ? "fp4" : "nf4";

    /// <summary>The weight, if the checkpoint holds one of this name quantized; else null.</summary>
    public static StoredMatrix? Read(Checkpoint checkpoint, string name)
    {
        var state = StateOf(checkpoint, name);
        return state is null ? null : Read(checkpoint, name, state);
    }

    /// <summary>Whether the checkpoint holds the weight of this name quantized.</summary>
    public static bool IsStored(Checkpoint checkpoint, string name) => StateOf(checkpoint, name) is not null;

    /// <summary>The kind of codes that the checkpoint holds the weight of this name in, such as "nf4"; null where it is not quantized.</summary>
    public static string? KindOf(Checkpoint checkpoint, string name) => StateOf(checkpoint, name) is { } state
        ? state[(state.IndexOf("__", StringComparison.Ordinal) + 2)..]
        : null;

    private static string? StateOf(Checkpoint checkpoint, string name) => Array.Find(States, s => checkpoint.Contains($"{name}.quant_state.{s}"));

    private static StoredMatrix Read(Checkpoint checkpoint, string name, string stateName)
    {
        var state = ReadState(checkpoint[$"{name}.quant_state.{stateName}"]);
        var codes = checkpoint[name];
        var length = (long)state.Rows * state.Columns;
        var bits = stateName == "moka__int8" ? 8 : 4;
        var expected = ((Int128)length * bits + 7) / 8;
        if (codes.Data.Length != expected)
            throw codes.Invalid($"has {codes.Data.Length} bytes of codes; a quantized weight of the shape [{state.Rows}, {state.Columns}] has {expected}");
        var blocks = (int)((length - 1) / state.BlockSize + 1);
        var scales = ReadScales(checkpoint, name, state, blocks);
        if (bits == 8)
            return new EightBitMatrix(state.Rows, state.Columns, MemoryMarshal.Cast<byte, sbyte>(codes.Data.Span).ToArray(), state.BlockSize, scales);
        var table = Floats(checkpoint[$"{name}.quant_map"], 16);
        return new FourBitMatrix(state.Rows, state.Columns, codes.Data, table, state.BlockSize, scales);
    }

    private static BlockScales ReadScales(Checkpoint checkpoint, string name, QuantizationState state, int blocks)
    {
        var absmax = checkpoint[$"{name}.absmax"];
        if (state.NestedBlockSize is not { } nestedSize)
            return new FloatScales(Floats(absmax, blocks));
        if (absmax.Data.Length != blocks)
            throw absmax.Invalid($"has {absmax.Data.Length} bytes, where {blocks} blocks have a scale of one byte each");
        var map = Floats(checkpoint[$"{name}.nested_quant_map"], 256);
        var nested = Floats(checkpoint[$"{name}.nested_absmax"], (blocks - 1) / nestedSize + 1);
        return new NestedScales(absmax.Data, map, nested, nestedSize, state.NestedOffset);
    }

    private static float[] Floats(SafetensorsTensor tensor, int count)
    {
        if (tensor.Length != count)
            throw tensor.Invalid($"has {tensor.Length} values, where {count} are needed");
        var values = tensor.ToFloats();
        if (Array.Exists(values, v => !float.IsFinite(v)))
            throw tensor.Invalid("holds a NaN or an infinity");
        return values;
    }

    /// <summary>The tensors that hold <paramref name="matrix"/> under <paramref name="name"/>, unquantized matrices too.</summary>
    /// <param name="name">The weight's name.</param>
    /// <param name="matrix">The weight.</param>
    /// <param name="format">The format of the weight that codes stand for.</param>
    public static IEnumerable<SafetensorsTensor> Write(string name, StoredMatrix matrix, DenseFormat format = DenseFormat.Float32)
    {
        switch (matrix)
        {
            case DenseMatrix dense:
                yield return new SafetensorsTensor(name, SafetensorsTensor.TypeOf(dense.Format), [dense.Rows, dense.Columns], dense.Elements);
                break;
            case FourBitMatrix four:
                yield return new SafetensorsTensor(name, "U8", [four.Codes.Length, 1], four.Codes);
                yield return SafetensorsTensor.Of($"{name}.quant_map", four.Table.Span, 16);
                var type = TypeOf(four);
                foreach (var tensor in WriteScales(name, four, four.BlockSize, four.Scales, type, $"bitsandbytes__{type}", format))
                    yield return tensor;
                break;
            case EightBitMatrix eight:
                yield return new SafetensorsTensor(name, "I8", [eight.Rows, eight.Columns], MemoryMarshal.AsBytes(eight.Codes.Span).ToArray());
                foreach (var tensor in WriteScales(name, eight, eight.BlockSize, eight.Scales, "int8", "moka__int8", format))
                    yield return tensor;
                break;
            default:
                throw new ArgumentException($"No such weight: {matrix.GetType().Name}.", nameof(matrix));
        }
    }

    private static IEnumerable<SafetensorsTensor> WriteScales(
        string name, StoredMatrix matrix, int blockSize, BlockScales scales, string type, string stateName, DenseFormat format)
    {
        var nested = scales as NestedScales;
        if (nested is null)
        {
            yield return SafetensorsTensor.Of($"{name}.absmax", ((FloatScales)scales).Absmax.Span, scales.Count);
        }
        else
        {
            yield return new SafetensorsTensor($"{name}.absmax", "U8", [scales.Count], nested.Codes);
            yield return SafetensorsTensor.Of($"{name}.nested_absmax", nested.NestedAbsmax.Span, nested.NestedAbsmax.Length);
            yield return SafetensorsTensor.Of($"{name}.nested_quant_map", nested.Map.Span, nested.Map.Length);
        }
        var json = new QuantizationState(matrix.Rows, matrix.Columns, blockSize, nested?.NestedBlockSize, nested?.Offset ?? 0).ToJson(type, format);
        yield return new SafetensorsTensor($"{name}.quant_state.{stateName}", "U8", [json.Length], json);
    }

    private static QuantizationState ReadState(SafetensorsTensor tensor)
    {
        try
        {
            return QuantizationState.Parse(tensor.Data);
        }
        catch (Exception e) when (e is JsonException or InvalidDataException or FormatException or InvalidOperationException or KeyNotFoundException)
        {
            throw new InvalidDataException($"{tensor.Source}: tensor '{tensor.Name}' is not the JSON of a quantized weight: {e.Message}", e);
        }
    }
}
