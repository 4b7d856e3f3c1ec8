using MathNet.Numerics.LinearAlgebra;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Inspection;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Tests.Adapters;

namespace Microsoft.ML.Moka.Tests.Inspection;

public sealed class InspectorTests : IDisposable
{
    private readonly CpuBackend _backend = new(threads: 2);

    public static TheoryData<AdapterOptions> Methods => AdapterSetTests.Methods;

    public void Dispose() => _backend.Dispose();

    [Theory]
    [MemberData(nameof(Methods))]
    public void Figures_are_those_of_the_merged_weights(AdapterOptions options)
    {
        using var backbone = TinyLlama.Frozen(_backend);
        using var adapters = Trained(options);

        var inspection = new Inspector(backbone, largestSpectrum: 512).Inspect(adapters);

        Assert.Equal(adapters.Adapters.Select(adapter => adapter.Plan.Map.Name), inspection.Maps.Select(map => map.Map));
        Assert.Equal(adapters.ParameterCount, inspection.Maps.Sum(map => map.TrainableParameterCount));
        foreach (var (map, adapter) in inspection.Maps.Zip(adapters.Adapters))
        {
            var frozen = backbone.LinearMaps.Single(linear => linear.Shape.Name == map.Map).Weight;
            using var tape = new Tape(_backend, recording: false);
            using var delta = adapter.OnTape(tape);
            using var merged = _backend.Expand(frozen, delta.Sum);
            using var expanded = _backend.Expand(frozen);
            var weight = Dense(expanded);
            // DoRA's magnitude is no part of ΔW.
            var update = Dense(merged) - weight;
            var singularValues = update.Svd(computeVectors: false).S;
            // What cancels in W + ΔW − W sets the tolerance.
            Assert.Equal(weight.FrobeniusNorm(), map.WeightNorm, 1e-4 * map.WeightNorm);
            Assert.Equal(update.FrobeniusNorm(), map.UpdateNorm, 1e-4 * map.UpdateNorm);
            Assert.Equal(update.FrobeniusNorm() / weight.FrobeniusNorm(), map.RelativeNorm, 1e-4 * map.RelativeNorm);
            Assert.Equal(singularValues[0], map.SpectralNorm, 1e-3 * map.SpectralNorm);
            Assert.Equal(UpdateFigures.EffectiveRank(singularValues.ToArray()), map.EffectiveRank, 1e-2 * map.EffectiveRank);
            Assert.Equal(singularValues.DotProduct(singularValues) / (singularValues[0] * singularValues[0]), map.StableRank, 1e-2 * map.StableRank);
            Assert.InRange(map.EffectiveRank, 0.999, map.ReachableRank + 0.1);
            Assert.InRange(map.StableRank, 0.999, map.ReachableRank + 0.1);
        }
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void New_adapters_have_neither_norm_nor_rank(AdapterOptions options)
    {
        using var backbone = TinyLlama.Frozen(_backend);
        using var adapters = backbone.CreateAdapters(options, seed: 1);

        Assert.All(new Inspector(backbone, 512).Inspect(adapters).Maps, map =>
            Assert.Equal((0.0, 0.0, 0.0), (map.UpdateNorm, map.EffectiveRank, map.StableRank)));
    }

    [Fact]
    public void Gates_and_coefficients_stand_with_their_filters()
    {
        using var backbone = TinyLlama.Frozen(_backend);
        using var adapters = Trained(new MokaAdapter { Filters = 3 });

        var inspection = new Inspector(backbone, 512).Inspect(adapters);

        Assert.Equal(3 * inspection.Maps.Count, inspection.Filters.Count);
        foreach (var map in inspection.Maps)
        {
            var filters = inspection.Filters.Where(filter => filter.Map == map.Map).ToList();
            Assert.Equal([0, 1, 2], filters.Select(filter => filter.Filter));
            Assert.Equal(map.Gates, filters.Select(filter => filter.Gate));
            Assert.Equal(map.Coefficients, filters.Select(filter => filter.Coefficient));
            Assert.Equal(1, map.Coefficients.Sum(), 1e-6);
            Assert.Equal(Math.Exp(map.Gates[0] - map.Gates[1]), map.Coefficients[0] / map.Coefficients[1], 1e-5);
            Assert.Equal(map.Filters, string.Join(' ', filters.Select(filter => filter.Shape)));
        }
    }

    [Fact]
    public void A_method_without_gates_has_constants()
    {
        using var backbone = TinyLlama.Frozen(_backend);
        using var adapters = Trained(new LoraAdapter { Rank = 2, Alpha = 6 });

        var inspection = new Inspector(backbone, 512).Inspect(adapters);

        Assert.All(inspection.Maps, map => Assert.Empty(map.Gates));
        Assert.All(inspection.Maps, map => Assert.Equal([3f, 3f], map.Coefficients));
        Assert.All(inspection.Filters, filter => Assert.True(float.IsNaN(filter.Gate)));
        Assert.All(inspection.Filters, filter => Assert.True(filter.Norm > 0));
    }

    [Fact]
    public void Spectra_that_are_too_large_are_left_out()
    {
        using var backbone = TinyLlama.Frozen(_backend);
        using var full = Trained(new MokaAdapter());
        using var low = Trained(new LoraAdapter { Rank = 2 });

        Assert.All(new Inspector(backbone, 2).Inspect(full).Maps, map => Assert.True(double.IsNaN(map.EffectiveRank) && map.StableRank > 1));
        Assert.All(new Inspector(backbone, 2).Inspect(low).Maps, map => Assert.InRange(map.EffectiveRank, 1, 2));
    }

    private AdapterSet Trained(AdapterOptions options)
    {
        using var backbone = TinyLlama.Frozen(_backend);
        var adapters = backbone.CreateAdapters(options, seed: 1);
        foreach (var parameter in adapters.Parameters)
        {
            var values = new float[parameter.Length];
            new SeededRandom(2, parameter.Name).FillNormal(values, 0.5f);
            using var random = _backend.Upload(TensorKind.Parameter, values, parameter.Value.Rows, parameter.Value.Columns);
            _backend.Copy(random, parameter.Value);
        }
        return adapters;
    }

    private Matrix<double> Dense(Tensor tensor)
    {
        var values = new float[tensor.Length];
        _backend.Download(tensor, values);
        return Matrix<double>.Build.DenseOfRowMajor(tensor.Rows, tensor.Columns, values.Select(value => (double)value));
    }
}
