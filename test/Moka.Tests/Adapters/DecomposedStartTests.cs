using MathNet.Numerics.LinearAlgebra;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Tests.Adapters;

/// <summary>Initial values that are made of the backbone's weights, against decompositions in full and in double precision.</summary>
public sealed class DecomposedStartTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>‖W − (Q + s B A)‖ is what the best approximation of W − Q leaves, and W − Q is W's own, as the files have it.</summary>
    [Theory]
    [InlineData(1, 32, false)]
    [InlineData(4, 8, false)]
    [InlineData(3, -5, true)]
    [InlineData(16, 16, false)]
    public void LoftQ_takes_the_most_from_what_quantization_lost(int rank, float alpha, bool rankStabilized)
    {
        using var model = Fit(new LoraAdapter
        {
            Rank = rank, Alpha = alpha, RankStabilized = rankStabilized, InitialValues = LoraInitialValues.LoftQ, TargetModules = ["*"],
        });

        foreach (var (original, quantized, update, map) in Maps(model))
        {
            var error = original - quantized;
            Assert.True(error.FrobeniusNorm() > 0.01 * original.FrobeniusNorm(), $"{map} lost nothing.");
            var best = Math.Sqrt(error.Svd(computeVectors: false).S.Skip(rank).Sum(value => value * value));
            Assert.Equal(best, (error - update).FrobeniusNorm(), 1e-4 * error.FrobeniusNorm());
            Assert.True((error - update).FrobeniusNorm() < error.FrobeniusNorm());
        }
        // A plain LoRA on the plain backbone: files know nothing of where it began.
        model.SaveAdapter(_folder.Path);
        using var read = tuned.Model.WithAdapter(_folder.Path);
        Assert.Equal(LoraInitialValues.KaimingUniform, Assert.IsType<LoraAdapter>(read.Adapter).InitialValues);
        Assert.Equal(Scores(model), Scores(read));
    }

    [Fact]
    public void LoftQ_brings_scores_nearer_to_those_in_full_precision()
    {
        var full = tuned.Options;
        (full.Quantization, full.NumberOfEpochs) = (BackboneQuantization.None, 0);
        using var precise = tuned.Pipeline(tuned.Context, full).Fit(tuned.Train).LastTransformer;
        using var quantized = Fit(new LoraAdapter());
        using var nearer = Fit(new LoraAdapter { InitialValues = LoraInitialValues.LoftQ, TargetModules = ["*"] });
        var expected = Scores(precise);

        Assert.True(Distance(Scores(nearer)) < 0.5 * Distance(Scores(quantized)));

        double Distance(IReadOnlyList<float[]> scores) => scores.Zip(expected, (a, b) => Math.Pow(a[0] - b[0], 2)).Sum();
    }

    [Fact]
    public void LoftQ_needs_weights_that_were_not_quantized_before()
    {
        var merged = _folder.File("nf4");
        tuned.Model.SaveMerged(merged, new MergeOptions { Quantization = BackboneQuantization.NF4 });
        var options = tuned.FewSteps;
        options.Adapter = new LoraAdapter { InitialValues = LoraInitialValues.LoftQ };
        options.BackbonePath = merged;
        var error = Assert.Throws<InvalidOperationException>(() => tuned.Pipeline(tuned.Context, options).Fit(tuned.Train));
        Assert.Contains("holds model.layers.0.self_attn.q_proj as nf4 already", error.Message, StringComparison.Ordinal);

        (options.BackbonePath, options.Quantization) = (tuned.BackbonePath, BackboneQuantization.None);
        Assert.Contains("InitialValues is LoftQ and Quantization is None", Assert.Throws<ArgumentException>(
            () => tuned.Pipeline(tuned.Context, options).Fit(tuned.Train)).Message, StringComparison.Ordinal);
        options.Adapter = new LoraAdapter { InitialValues = (LoraInitialValues)7 };
        Assert.Throws<ArgumentOutOfRangeException>(() => tuned.Pipeline(tuned.Context, options).Fit(tuned.Train));
        options.Adapter = new PissaAdapter { Alpha = 0 };
        Assert.Throws<ArgumentOutOfRangeException>(() => tuned.Pipeline(tuned.Context, options).Fit(tuned.Train));
    }

    /// <summary>s B A is the best approximation of the weight in memory, and the update at the start is nothing.</summary>
    [Theory]
    [InlineData(1, 1, false, BackboneQuantization.NF4)]
    [InlineData(4, 8, false, BackboneQuantization.NF4)]
    [InlineData(3, -5, true, BackboneQuantization.Int8)]
    [InlineData(16, 16, false, BackboneQuantization.None)]
    public void PiSSA_starts_at_the_backbone_along_its_principal_directions(int rank, float alpha, bool rankStabilized, BackboneQuantization quantization)
    {
        var adapter = new PissaAdapter { Rank = rank, Alpha = alpha, RankStabilized = rankStabilized, TargetModules = ["*"] };
        using var model = Fit(adapter, quantization: quantization);
        var scale = alpha / (rankStabilized ? Math.Sqrt(rank) : rank);
        var parameters = model.Weights.Adapters.Parameters.ToList();
        Assert.Equal(model.Weights.Adapters.Adapters.Sum(one => (long)rank * (one.Plan.Map.Rows + one.Plan.Map.Columns)), model.TrainableParameterCount);
        Assert.Equal(model.TrainableParameterCount, parameters.Sum(parameter => parameter.Length));

        foreach (var (_, frozen, update, map) in Maps(model))
        {
            Assert.InRange(update.FrobeniusNorm(), 0, 1e-6 * frozen.FrobeniusNorm());
            var (up, down) = (Of("B", map, rank), Of("A", map, rank));
            var principal = scale * up.TransposeThisAndMultiply(down);
            var best = Math.Sqrt(frozen.Svd(computeVectors: false).S.Skip(rank).Sum(value => value * value));
            Assert.Equal(best, (frozen - principal).FrobeniusNorm(), 1e-4 * frozen.FrobeniusNorm());
            // Both sides are equally long.
            Assert.Equal(up.FrobeniusNorm(), down.FrobeniusNorm(), 1e-4 * up.FrobeniusNorm());
        }

        Matrix<double> Of(string side, string map, int rows)
        {
            var parameter = parameters.Single(one => one.Name.StartsWith($"{map}.pissa_{side}.weight", StringComparison.Ordinal));
            var values = new float[parameter.Length];
            model.Weights.Backbone.Backend.Download(parameter.Value, values);
            return Matrix<double>.Build.DenseOfRowMajor(rows, values.Length / rows, Array.ConvertAll(values, value => (double)value));
        }
    }

    /// <summary>As LoRA it has twice the rank: B and −B₀ side by side, A over A₀, and the scale stays.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void PiSSA_is_a_LoRA_of_twice_the_rank(bool rankStabilized)
    {
        using var model = Fit(new PissaAdapter { Rank = 3, Alpha = 5, RankStabilized = rankStabilized }, steps: 3);
        var folder = _folder.File("lora");
        model.SaveAdapter(folder, AdapterFileFormat.Lora);
        using var read = tuned.Model.WithAdapter(folder);

        var lora = Assert.IsType<LoraAdapter>(read.Adapter);
        Assert.Equal(6, lora.Rank);
        Assert.Equal(2 * 5 * (rankStabilized ? Math.Sqrt(3) : 1), lora.Alpha, 1e-5);
        foreach (var (expected, actual) in Maps(model).Zip(Maps(read)))
        {
            Assert.True(expected.Update.FrobeniusNorm() > 1e-3);
            Assert.Equal(0, (expected.Update - actual.Update).FrobeniusNorm(), 1e-5);
            Assert.All(expected.Update.Svd(computeVectors: false).S.Skip(6), value => Assert.InRange(value, 0, 1e-5));
        }
        foreach (var (expected, actual) in Scores(model).Zip(Scores(read)))
            Assert.Equal(expected[0], actual[0], 1e-5);
        model.SaveAdapterGguf(_folder.File("lora.gguf"));

        // Trained further from its own files, it goes on as PiSSA, and what it started from stays.
        var own = _folder.File("own");
        model.SaveAdapter(own);
        var options = tuned.FewSteps;
        options.InitialAdapterPath = own;
        using var further = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train).LastTransformer;
        Assert.IsType<PissaAdapter>(further.Adapter);
        var (before, after) = (Tensors(model), Tensors(further));
        foreach (var name in before.Keys)
            if (name.Contains("_start", StringComparison.Ordinal))
                Assert.Equal(before[name], after[name]);
            else
                Assert.NotEqual(before[name], after[name]);
        Assert.Contains("products", Assert.Throws<InvalidOperationException>(
            () => model.SaveAdapter(own, AdapterFileFormat.Lokr)).Message, StringComparison.Ordinal);
    }

    /// <summary>A weight of lower rank than the adapter: nothing is divided by zero, and what is beyond its rank can be learned all the same.</summary>
    [Fact]
    public void What_the_weight_has_no_direction_for_starts_as_LoRA()
    {
        using var backend = new Moka.Tensors.Cpu.CpuBackend();
        var map = new MapShape("model.layers.0.self_attn.q_proj", 6, 5, 0);
        float[] column = [1, 2, 3, 4, 5, 6], row = [1, -1, 2, 0.5f, 3];
        using var dense = backend.Upload(TensorKind.Parameter, [.. column.SelectMany(c => row.Select(r => c * r))], 6, 5);
        using var weight = backend.AsWeight(dense);

        var options = new PissaAdapter { Rank = 3, Alpha = 3, TargetModules = ["q_proj"] };
        using var adapters = AdapterSet.Create(backend, options, [map], 1, new FrozenWeights(_ => weight));

        var (up, down) = (TinyLlama.Download(backend, adapters.Parameters.First().Value), TinyLlama.Download(backend, adapters.Parameters.Last().Value));
        for (var i = 0; i < 6; i++)
            for (var j = 0; j < 5; j++)
                Assert.Equal(column[i] * row[j], up[i] * down[j], 1e-4);
        Assert.All(up.Skip(6), value => Assert.Equal(0, value));
        Assert.All(down.Skip(5), value => Assert.NotEqual(0, value));
        using var merged = adapters.Adapters[0].Merge(weight);
        Assert.Equal(TinyLlama.Download(backend, dense).Select(value => (double)value), TinyLlama.Download(backend, merged).Select(value => (double)value),
            (a, b) => Math.Abs(a - b) < 1e-5);
        Assert.Throws<InvalidOperationException>(() => AdapterSet.Create(backend, options, [map], 1));
    }

    private MokaTransformer Fit(AdapterOptions adapter, int steps = 0, BackboneQuantization quantization = BackboneQuantization.NF4)
    {
        var options = tuned.FewSteps;
        (options.NumberOfSteps, options.Adapter, options.Quantization) = (steps, adapter, quantization);
        return tuned.Pipeline(tuned.Context, options).Fit(tuned.Train).LastTransformer;
    }

    private IReadOnlyList<float[]> Scores(MokaTransformer model) =>
        TunedModel.Scores(model.Transform(tuned.Context.Data.LoadFromEnumerable(Row.Make(20, seed: 3))));

    private static Dictionary<string, float[]> Tensors(MokaTransformer model) => AdapterTensors.From(model.Weights.Backbone.Backend, model.Weights.Adapters)
        .ToDictionary(tensor => tensor.Name, tensor => tensor.ToFloats(), StringComparer.Ordinal);

    /// <summary>Of each map the weight on disk, the one in memory, and what the adapter adds to that.</summary>
    private List<(Matrix<double> Original, Matrix<double> Frozen, Matrix<double> Update, string Map)> Maps(MokaTransformer model)
    {
        var backbone = model.Weights.Backbone;
        using var checkpoint = Checkpoint.Open(new FolderFiles(tuned.BackbonePath));
        var weights = backbone.LinearMaps.ToDictionary(map => map.Shape.Name, map => map.Weight);
        return [.. model.Weights.Adapters.Adapters.Select(adapter =>
        {
            var map = adapter.Plan.Map;
            using var merged = adapter.Merge(weights[map.Name]);
            using var frozen = backbone.Backend.Expand(weights[map.Name]);
            var (w, q) = (Dense(checkpoint[TensorNames.Of(map)].ToFloats(), map.Rows), Dense(Download(frozen), map.Rows));
            return (w, q, Dense(Download(merged), map.Rows) - q, map.Name);
        })];

        float[] Download(Tensor tensor) => TinyLlama.Download(backbone.Backend, tensor);
    }

    private static Matrix<double> Dense(float[] values, int rows) =>
        Matrix<double>.Build.DenseOfRowMajor(rows, values.Length / rows, Array.ConvertAll(values, value => (double)value));
}
