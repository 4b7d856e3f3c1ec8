using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Interchange.Gguf;

/// <summary>The tensors of a backbone as a GGUF has them: llama.cpp's names and order of rows, each made when it is to be written.</summary>
internal sealed class GgufTensors(LlamaConfig config, GgufArchitecture architecture, WeightSource weights, GgufFormat format)
{
    // Embedding and head suffer most from few bits.
    private readonly GgufTensorType _mapType = Enum.Parse<GgufTensorType>(format.ToString());
    private readonly GgufTensorType _tableType = format == GgufFormat.Q4_0 ? GgufTensorType.Q8_0 : Enum.Parse<GgufTensorType>(format.ToString());

    public IEnumerable<GgufOutputTensor> All()
    {
        var embedding = TensorNames.EmbeddingIn(weights, config);
        yield return Matrix(GgufNames.Embedding, embedding, config.VocabularySize, config.HiddenSize, isLinearMap: false);
        for (var layer = 0; layer < config.LayerCount; layer++)
        {
            foreach (var map in config.LayerMaps(layer))
                yield return Matrix(GgufNames.Gguf(TensorNames.Of(map)), TensorNames.Of(map), map.Rows, map.Columns, isLinearMap: true);
        }
        foreach (var (name, length) in TensorNames.Vectors(config))
            yield return Vector(GgufNames.Gguf(name), length, () => weights.Vector(name, length));
        if (!config.TiedHead || weights.HasOwnHead)
            yield return Matrix(GgufNames.Head, TensorNames.Head, config.VocabularySize, config.HiddenSize, isLinearMap: false);
        if (ConfigMetadata.RotaryDivisors(config, architecture) is { } divisors)
            yield return Vector(GgufNames.RotaryDivisors, divisors.Length, () => divisors);
    }

    /// <summary>Hugging Face's row in a place of the file: in some architectures the two halves of each head of q and k are interleaved.</summary>
    public static int StoredFrom(string ggufName, int place, LlamaConfig config, GgufArchitecture architecture)
    {
        if (!architecture.InterleavesHeads || !(GgufNames.IsQuery(ggufName) || GgufNames.IsKey(ggufName)))
            return place;
        var (head, within) = Math.DivRem(place, config.HeadWidth);
        return head * config.HeadWidth + within % 2 * (config.HeadWidth / 2) + within / 2;
    }

    private GgufOutputTensor Matrix(string name, string source, int rows, int columns, bool isLinearMap)
    {
        var type = isLinearMap ? _mapType : _tableType;
        if (columns % type.BlockLength() != 0)
            type = GgufTensorType.F16;
        return new GgufOutputTensor(name, type, [rows, columns], () =>
        {
            var read = RowsOf(weights.Matrix(source, rows, columns, isLinearMap));
            return (row, values) => read(StoredFrom(name, row, config, architecture), values);
        });
    }

    private GgufOutputTensor Vector(string name, int length, Func<float[]> make) => new(name, GgufTensorType.F32, [length], () =>
    {
        var vector = make();
        return (_, values) =>
        {
            for (var i = 0; i < length; i++)
                values[i] = vector[StoredFrom(name, i, config, architecture)];
        };
    });

    private static GgufRowReader RowsOf(StoredMatrix matrix)
    {
        var length = matrix.Columns;
        if (matrix is DenseMatrix dense)
        {
            var size = length * dense.Format.ByteSize();
            return (row, values) => FloatFormats.ToFloats(dense.Format, dense.Elements.Span.Slice(row * size, size), values);
        }
        var expanded = Dequantizer.ToFloats(matrix);
        return (row, values) => expanded.AsSpan(row * length, length).CopyTo(values);
    }
}
