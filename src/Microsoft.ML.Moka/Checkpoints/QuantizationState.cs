using System.Buffers;
using System.Text.Json;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Checkpoints;

/// <summary>What the JSON beside a quantized weight says; the field names are bitsandbytes'.</summary>
internal sealed record QuantizationState(int Rows, int Columns, int BlockSize, int? NestedBlockSize, float NestedOffset)
{
    // What bitsandbytes writes takes about 200 bytes.
    private const int MaxBytes = 4096;

    /// <summary>How many bytes <see cref="ToJson"/> gives.</summary>
    public const int WrittenBytes = 256;

    public static QuantizationState Parse(ReadOnlyMemory<byte> json)
    {
        if (json.Length > MaxBytes)
            throw new InvalidDataException($"it has {json.Length} bytes, and at most {MaxBytes} are read");
        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 8 });
        var root = document.RootElement;
        var shape = root.GetProperty("shape");
        if (shape.GetArrayLength() != 2)
            throw new InvalidDataException("'shape' has to be that of a matrix");
        int? nestedBlockSize = root.TryGetProperty("nested_blocksize", out var nested) && nested.ValueKind != JsonValueKind.Null
            ? Positive(nested, "nested_blocksize")
            : null;
        var offset = nestedBlockSize is null ? 0 : root.GetProperty("nested_offset").GetSingle();
        if (!float.IsFinite(offset))
            throw new InvalidDataException("'nested_offset' is not finite");
        var blockSize = Positive(root.GetProperty("blocksize"), "blocksize");
        if (blockSize % 2 != 0)
            throw new InvalidDataException("'blocksize' is odd");
        return new QuantizationState(Positive(shape[0], "shape"), Positive(shape[1], "shape"), blockSize, nestedBlockSize, offset);
    }

    /// <param name="type">The codes: nf4, fp4, int8.</param>
    /// <param name="format">The format of the weight that the codes stand for.</param>
    public byte[] ToJson(string type, DenseFormat format)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("quant_type", type);
            json.WriteNumber("blocksize", BlockSize);
            json.WriteString("dtype", format.PyTorchName());
            json.WriteStartArray("shape");
            json.WriteNumberValue(Rows);
            json.WriteNumberValue(Columns);
            json.WriteEndArray();
            if (NestedBlockSize is { } size)
            {
                json.WriteNumber("nested_blocksize", size);
                json.WriteString("nested_dtype", "float32");
                json.WriteNumber("nested_offset", NestedOffset);
            }
            json.WriteEndObject();
        }
        // The length depends on no number, so that a file can be laid out before its weights are quantized.
        var bytes = new byte[WrittenBytes];
        bytes.AsSpan().Fill((byte)' ');
        buffer.WrittenSpan.CopyTo(bytes);
        return bytes;
    }

    private static int Positive(JsonElement number, string field) =>
        number.TryGetInt32(out var value) && value > 0 ? value : throw new InvalidDataException($"'{field}' has to be a whole number above 0");
}
