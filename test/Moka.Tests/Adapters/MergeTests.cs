using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Adapters;

/// <summary>
/// Merged backbones of every method and every quantization: what W + Δ says is the same whether Δ rides on the expansion of packed codes or stands in a dense
/// weight, within 5e-5 of the largest logit.
/// </summary>
public sealed class MergeTests : IDisposable
{
    private const float Bound = 5e-5f;

    private readonly CpuBackend _backend = new(threads: 2);

    public static TheoryData<BackboneQuantization, AdapterOptions> Cases
    {
        get
        {
            var data = new TheoryData<BackboneQuantization, AdapterOptions>();
            foreach (var quantization in Enum.GetValues<BackboneQuantization>())
                foreach (var row in AdapterSetTests.Methods)
                    data.Add(quantization, row.Data);
            return data;
        }
    }

    public void Dispose() => _backend.Dispose();

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_merged_backbone_says_what_the_adapted_one_says(BackboneQuantization quantization, AdapterOptions options)
    {
        var weights = new Quantized(quantization);
        using var backbone = LlamaBackbone.Frozen(_backend, TinyLlama.Config, weights);
        using var adapters = AdapterSet.Create(_backend, options, TinyLlama.Config.LinearMaps, new RandomAdapters.Trained(2, 0.3f));
        using var merged = LlamaBackbone.Frozen(_backend, TinyLlama.Config, new MergedWeights(weights, _backend, adapters));
        using var unmerged = LlamaBackbone.Frozen(
            _backend, TinyLlama.Config, new MergedWeights(new MergedWeights(weights, _backend, adapters), _backend, adapters, unmerge: true));
        var batch = RaggedBatch.Of(TinyLlama.Ids(9, 1), TinyLlama.Ids(4, 2));

        var plain = TinyLlama.Logits(backbone, batch);
        var adapted = TinyLlama.Logits(backbone, batch, adapters);
        AssertClose(adapted, TinyLlama.Logits(merged, batch));
        AssertClose(plain, TinyLlama.Logits(unmerged, batch));
        Assert.True(plain.Zip(adapted, (p, a) => Math.Abs(p - a)).Max() > 0.01f * plain.Max(Math.Abs));
    }

    private static void AssertClose(float[] expected, float[] actual)
    {
        var scale = expected.Max(Math.Abs);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], Bound * scale);
    }

    private sealed class Quantized(BackboneQuantization quantization) : WeightSource
    {
        public override bool Contains(string name) => TinyLlama.Weights.Contains(name);

        public override StoredMatrix Matrix(string name, int rows, int columns, bool isLinearMap)
        {
            var dense = (DenseMatrix)TinyLlama.Weights.Matrix(name, rows, columns, isLinearMap);
            return isLinearMap ? Quantizer.Quantize(dense, new QuantizationOptions(quantization), name) : dense;
        }

        public override float[] Vector(string name, int length) => TinyLlama.Weights.Vector(name, length);
    }
}
