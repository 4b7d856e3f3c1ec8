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
    // float32's rounding of a table that was computed elsewhere, and no more.
    private const float TableTolerance = 1e-6f;

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

    /// <summary>What <see cref="Write"/> makes of a weight.</summary>
    /// <param name="name">The weight's name.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="format">Its codes, which a checkpoint has a layout for.</param>
    /// <param name="blockSize">Elements that share a scale.</param>
    /// <param name="nestedBlockSize">Scales that share a scale of their own; null where they are floats.</param>
    public static IReadOnlyList<TensorHeader> Describe(string name, int rows, int columns, WeightFormat format, int blockSize, int? nestedBlockSize)
    {
        var blocks = (int)(((long)rows * columns - 1) / blockSize + 1);
        var headers = new List<TensorHeader>
        {
            CodesHeader(name, rows, columns, format),
            new($"{name}.absmax", nestedBlockSize is null ? "F32" : "U8", [blocks]),
            new(StateTensor(name, format), "U8", [QuantizationState.WrittenBytes]),
        };
        if (!format.Table.IsEmpty)
            headers.Add(new($"{name}.quant_map", "F32", [format.Table.Length]));
        if (nestedBlockSize is { } nested)
        {
            headers.Add(new($"{name}.nested_absmax", "F32", [(blocks - 1) / nested + 1]));
            headers.Add(new($"{name}.nested_quant_map", "F32", [WeightFormat.NestedMapSize]));
        }
        return headers;
    }

    /// <summary>The weight, if the checkpoint holds one of this name quantized; else null.</summary>
    public static StoredMatrix? Read(Checkpoint checkpoint, string name)
    {
        var format = FormatOf(checkpoint, name);
        return format is null ? StoredBlocks.Read(checkpoint, name) : Read(checkpoint, name, format);
    }

    /// <summary>Whether the checkpoint holds the weight of this name quantized.</summary>
    public static bool IsStored(Checkpoint checkpoint, string name) => NameOfFormat(checkpoint, name) is not null;

    /// <summary>What the format is called that the checkpoint holds the weight of this name in; null where it is not quantized.</summary>
    public static string? NameOfFormat(Checkpoint checkpoint, string name) =>
        FormatOf(checkpoint, name)?.Name ?? StoredBlocks.FormatOf(checkpoint, name)?.Name;

    /// <summary>The format of the codes that the checkpoint holds the weight of this name in; null where it holds none.</summary>
    public static WeightFormat? FormatOf(Checkpoint checkpoint, string name) =>
        WeightFormats.All.FirstOrDefault(format => format.StateName is not null && checkpoint.Contains(StateTensor(name, format)));

    private static string StateTensor(string name, WeightFormat format) => format.StateName is { } state
        ? $"{name}.quant_state.{state}"
        : throw new ArgumentException($"Checkpoints have no layout for weights in {format.Name}.", nameof(format));

    private static TensorHeader CodesHeader(string name, int rows, int columns, WeightFormat format) => format.Layout switch
    {
        CodeLayout.SignedBytes => new(name, "I8", [rows, columns]),
        _ => new(name, "U8", [(int)format.CodeBytes((long)rows * columns), 1]),
    };

    private static CodedMatrix Read(Checkpoint checkpoint, string name, WeightFormat format)
    {
        var state = ReadState(checkpoint[StateTensor(name, format)]);
        var codes = checkpoint[name];
        var length = (long)state.Rows * state.Columns;
        var expected = format.CodeBytes(length);
        if (codes.Data.Length != expected)
            throw codes.Invalid($"has {codes.Data.Length} bytes of codes; a quantized weight of the shape [{state.Rows}, {state.Columns}] has {expected}");
        var blocks = (int)((length - 1) / state.BlockSize + 1);
        var scales = ReadScales(checkpoint, name, state, blocks);
        if (!format.Table.IsEmpty)
            CheckTable(checkpoint[$"{name}.quant_map"], format);
        return new CodedMatrix(state.Rows, state.Columns, format, codes.Data, state.BlockSize, scales);
    }

    /// <summary>A weight whose codes stand for other values than its format's would be computed, and written again, as another weight.</summary>
    private static void CheckTable(StoredTensor tensor, WeightFormat format)
    {
        var table = Floats(tensor, format.Table.Length);
        for (var i = 0; i < table.Length; i++)
        {
            if (MathF.Abs(table[i] - format.Table.Span[i]) > TableTolerance)
                throw tensor.Invalid(FormattableString.Invariant($"says that code {i} stands for {table[i]}; it is {format.Table.Span[i]} in {format.Name}"));
        }
    }

    private static BlockScales ReadScales(Checkpoint checkpoint, string name, QuantizationState state, int blocks)
    {
        var absmax = checkpoint[$"{name}.absmax"];
        if (state.NestedBlockSize is not { } nestedSize)
            return new FloatScales(Floats(absmax, blocks));
        if (absmax.Data.Length != blocks)
            throw absmax.Invalid($"has {absmax.Data.Length} bytes, where {blocks} blocks have a scale of one byte each");
        var map = Floats(checkpoint[$"{name}.nested_quant_map"], WeightFormat.NestedMapSize);
        var nested = Floats(checkpoint[$"{name}.nested_absmax"], (blocks - 1) / nestedSize + 1);
        return new NestedScales(absmax.Data, map, nested, nestedSize, state.NestedOffset);
    }

    private static float[] Floats(StoredTensor tensor, int count)
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
            case CodedMatrix coded:
                var header = CodesHeader(name, coded.Rows, coded.Columns, coded.Format);
                yield return new SafetensorsTensor(name, header.Type, header.Shape, coded.Codes);
                if (!coded.Format.Table.IsEmpty)
                    yield return SafetensorsTensor.Of($"{name}.quant_map", coded.Format.Table.Span, coded.Format.Table.Length);
                foreach (var tensor in WriteScales(name, coded, format))
                    yield return tensor;
                break;
            case PackedMatrix packed:
                foreach (var tensor in StoredBlocks.Write(name, packed))
                    yield return tensor;
                break;
            default:
                throw new ArgumentException($"No such weight: {matrix.GetType().Name}.", nameof(matrix));
        }
    }

    private static IEnumerable<SafetensorsTensor> WriteScales(string name, CodedMatrix matrix, DenseFormat format)
    {
        var nested = matrix.Scales as NestedScales;
        if (nested is null)
        {
            yield return SafetensorsTensor.Of($"{name}.absmax", ((FloatScales)matrix.Scales).Absmax.Span, matrix.Scales.Count);
        }
        else
        {
            yield return new SafetensorsTensor($"{name}.absmax", "U8", [nested.Count], nested.Codes);
            yield return SafetensorsTensor.Of($"{name}.nested_absmax", nested.NestedAbsmax.Span, nested.NestedAbsmax.Length);
            yield return SafetensorsTensor.Of($"{name}.nested_quant_map", nested.Map.Span, nested.Map.Length);
        }
        var state = new QuantizationState(matrix.Rows, matrix.Columns, matrix.BlockSize, nested?.NestedBlockSize, nested?.Offset ?? 0);
        var json = state.ToJson(matrix.Format.Name, format);
        yield return new SafetensorsTensor(StateTensor(name, matrix.Format), "U8", [json.Length], json);
    }

    /// <exception cref="InvalidDataException">It says something else.</exception>
    public static QuantizationState ReadState(StoredTensor tensor)
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
