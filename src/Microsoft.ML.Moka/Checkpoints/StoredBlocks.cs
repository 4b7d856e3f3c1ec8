using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Checkpoints;

/// <summary>
/// A weight in a GGUF's blocks as tensors of a safetensors file, which has no type for them: a row of bytes for each row under the weight's name, and beside
/// it <c>.quant_state.moka__q4_1</c>, which says format and shape. Only Moka reads that.
/// </summary>
internal static class StoredBlocks
{
    /// <summary>The format of the blocks that the checkpoint holds the weight of this name in; null where it holds none.</summary>
    public static PackedFormat? FormatOf(Checkpoint checkpoint, string name) =>
        PackedFormat.All.FirstOrDefault(format => checkpoint.Contains(StateTensor(name, format)));

    /// <summary>The weight, if the checkpoint holds one of this name in blocks; else null.</summary>
    public static PackedMatrix? Read(Checkpoint checkpoint, string name)
    {
        if (FormatOf(checkpoint, name) is not { } format)
            return null;
        var state = QuantizedWeight.ReadState(checkpoint[StateTensor(name, format)]);
        var blocks = checkpoint[name];
        if (state.BlockSize != PackedFormat.BlockLength || state.Columns % PackedFormat.BlockLength != 0
            || blocks.Data.Length != format.ByteCount((long)state.Rows * state.Columns))
            throw blocks.Invalid($"has {blocks.Data.Length} bytes, which are not the blocks of [{state.Rows}, {state.Columns}] in {format.Name}");
        return new PackedMatrix(state.Rows, state.Columns, format, blocks.Data);
    }

    public static IEnumerable<SafetensorsTensor> Write(string name, PackedMatrix matrix)
    {
        yield return new SafetensorsTensor(name, "U8", [matrix.Rows, (int)matrix.Format.ByteCount(matrix.Columns)], matrix.Blocks);
        var state = new QuantizationState(matrix.Rows, matrix.Columns, PackedFormat.BlockLength, null, 0);
        var json = state.ToJson(matrix.Format.Name.ToLowerInvariant(), DenseFormat.Float32);
        yield return new SafetensorsTensor(StateTensor(name, matrix.Format), "U8", [json.Length], json);
    }

    private static string StateTensor(string name, PackedFormat format) => $"{name}.quant_state.{format.StateName}";
}
