using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>Weights that are nothing but their size, for a backend that counts.</summary>
/// <param name="quantization">How linear maps are kept.</param>
/// <param name="format">How a checkpoint has what is not quantized.</param>
/// <param name="forms">How a GGUF has each weight.</param>
internal sealed class CountedWeights(BackboneQuantization quantization, DenseFormat format, StoredForms? forms = null) : WeightSource
{
    public override bool Contains(string name) => true;

    public override StoredMatrix Matrix(string name, int rows, int columns, bool isLinearMap) =>
        new SizeOnly(rows, columns, BytesOf(name, (long)rows * columns, isLinearMap ? quantization : BackboneQuantization.None));

    public override float[] Vector(string name, int length) => [];

    private long BytesOf(string name, long elements, BackboneQuantization kind)
    {
        if (forms?.Packed(name) is { } packed)
            return packed.ByteCount(elements);
        var options = new QuantizationOptions(kind);
        return options.Format?.ByteCount(elements, options.BlockSize, options.DoubleQuantization) ?? elements * (forms?.Dense(name) ?? format).ByteSize();
    }

    private sealed record SizeOnly(int Rows, int Columns, long Bytes) : StoredMatrix(Rows, Columns)
    {
        public override long ByteCount => Bytes;
    }
}

/// <summary>Adapters that are nothing but their size.</summary>
internal sealed class CountedValues : AdapterValues
{
    public override float[] Factors(MapShape map, FactorRule rule, FactorStack stack) => [];

    public override float[] Gates(MapShape map, SoftmaxGates rule, int count) => [];

    public override float[] Magnitudes(MapShape map, MagnitudeRule rule) => [];

    public override float[] Bias(MapShape map, BiasRule rule) => [];

    public override float[] Bias(TrainedBias bias) => [];

    public override float[] Head(ScoreHeadRule rule) => [];

    public override float[] Table(string name, int rows, int columns, bool isStoredTransposed = false) => [];
}
