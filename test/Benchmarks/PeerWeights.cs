using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>Random weights of the kind that the peer makes: any codes, block scales of about 1.7/√in.</summary>
internal sealed class PeerWeights(LlamaConfig config, bool quantized) : WeightSource
{
    private const int BlockSize = 64;
    private const int LargestTable = 1 << 26;

    private readonly RandomWeights _dense = new(config, seed: 1);

    public override bool Contains(string name) => true;

    public override StoredMatrix Matrix(string name, int rows, int columns, bool isLinearMap)
    {
        if (!isLinearMap)
            return (long)rows * columns <= LargestTable ? _dense.Matrix(name, rows, columns, isLinearMap) : LargeTable(name, rows, columns);
        var random = new SeededRandom(1, name);
        var codes = new byte[(long)rows * columns / 2];
        random.Fill(codes);
        var scales = new float[(long)rows * columns / BlockSize];
        for (var i = 0; i < scales.Length; i++)
            scales[i] = (float)(1.7 / Math.Sqrt(columns) * (0.8 + 0.4 * random.NextDouble()));
        var matrix = new CodedMatrix(rows, columns, FourBitCode.NF4, codes, BlockSize, new FloatScales(scales));
        return quantized
            ? matrix
            : new DenseMatrix(
                rows, columns, DenseFormat.Float32, System.Runtime.InteropServices.MemoryMarshal.AsBytes(Dequantizer.ToFloats(matrix).AsSpan()).ToArray());
    }

    /// <summary>bfloat16, as LLaMA's own, and a block of numbers over and over: a table this large is there to be timed.</summary>
    private static DenseMatrix LargeTable(string name, int rows, int columns)
    {
        var block = new float[1 << 16];
        new SeededRandom(1, name).FillNormal(block, 0.02f);
        var bytes = FloatFormats.FromFloats(DenseFormat.BFloat16, block);
        var elements = new byte[checked(2 * rows * columns)];
        for (var start = 0; start < elements.Length; start += bytes.Length)
            bytes.AsSpan(0, Math.Min(bytes.Length, elements.Length - start)).CopyTo(elements.AsSpan(start));
        return new DenseMatrix(rows, columns, DenseFormat.BFloat16, elements);
    }

    public override float[] Vector(string name, int length) => _dense.Vector(name, length);
}
