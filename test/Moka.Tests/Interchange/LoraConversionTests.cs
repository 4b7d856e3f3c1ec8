using MathNet.Numerics.LinearAlgebra;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Tests.Interchange;

/// <summary>An adapter of any method as the LoRA that is nearest to it, with the error that a full decomposition in double precision says.</summary>
public sealed class LoraConversionTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<AdapterOptions> Methods =>
    [
        new MokaAdapter(), new MokaSAdapter { TargetModules = ["*"] }, new CdkaAdapter { Filters = 2 }, new KronaAdapter(), new LokrAdapter { Rank = 2 },
        new LoraAdapter { Rank = 8 }, new PissaAdapter { Rank = 2 }, new DoraAdapter { Rank = 2 }, new HiraAdapter { Rank = 2 },
        new MissAdapter { Rank = 4 }, new FullFineTuning(),
    ];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Methods))]
    public void The_error_is_that_of_the_decomposition_in_full(AdapterOptions adapter)
    {
        using var model = Fit(adapter);
        var lora = model.ToLora(3);
        lora.Save(_folder.Path);
        using var read = tuned.Model.WithAdapter(_folder.Path);
        Assert.IsType<LoraAdapter>(read.Adapter);

        var (energy, lost) = (0.0, 0.0);
        Assert.Equal(Updates(model).Select(update => update.Map), lora.Maps.Select(map => map.Map));
        foreach (var (update, written, map) in Updates(model).Zip(Updates(read), lora.Maps))
        {
            var squares = update.Delta.Svd(computeVectors: false).S.Select(value => value * value).ToArray();
            var (all, rest) = (squares.Sum(), squares.Skip(3).Sum());
            (energy, lost) = (energy + all, lost + rest);
            // W' - W is a difference of 32-bit floats where it is written out.
            Assert.Equal(Math.Sqrt(all), map.UpdateNorm, 1e-3 * Math.Sqrt(all));
            Assert.Equal(Math.Sqrt(rest / all), map.RelativeError, 2e-3);
            Assert.Equal(map.RelativeError, (update.Delta - written.Delta).FrobeniusNorm() / Math.Sqrt(all), 2e-3);
            Assert.Equal(1 - map.RelativeError * map.RelativeError, map.KeptEnergy, 1e-12);
        }
        Assert.Equal(Math.Sqrt(lost / energy), lora.RelativeError, 2e-3);
        Assert.Equal(3, lora.Rank);
    }

    [Fact]
    public void What_has_the_rank_stays_the_same()
    {
        using var model = Fit(new CdkaAdapter { Filters = 2, R1 = 2, R2 = 2 });
        var lora = model.ToLora(8);
        Assert.InRange(lora.RelativeError, 0, 1e-6);
        lora.Save(_folder.Path);
        using var read = tuned.Model.WithAdapter(_folder.Path);
        foreach (var (expected, actual) in Scores(model).Zip(Scores(read)))
            Assert.Equal(expected[0], actual[0], 1e-4);
        Assert.NotEqual(Scores(model)[0], Scores(tuned.Model)[0]);
    }

    [Fact]
    public void Scores_come_nearer_as_the_rank_grows_and_ranks_end_at_the_shorter_side()
    {
        using var model = Fit(new MokaAdapter { TargetModules = ["*"] });
        var expected = Scores(model);
        var distances = new List<double>();
        foreach (var rank in (int[])[1, 4, 1000])
        {
            var lora = model.ToLora(rank);
            var folder = _folder.File($"{rank}");
            lora.Save(folder);
            using var read = tuned.Model.WithAdapter(folder);
            distances.Add(expected.Zip(Scores(read), (a, b) => Math.Pow(a[0] - b[0], 2)).Sum());
            Assert.All(Updates(model).Zip(lora.Maps), pair =>
                Assert.Equal(Math.Min(rank, Math.Min(pair.First.Delta.RowCount, pair.First.Delta.ColumnCount)), pair.Second.Rank));
            if (rank != 1000)
                continue;
            Assert.InRange(lora.RelativeError, 0, 1e-6);
            Assert.True(lora.Maps.Select(map => map.Rank).Distinct().Count() > 1, "Maps of one size only.");
            lora.SaveGguf(_folder.File("whole.gguf"));
        }
        Assert.True(distances[0] > distances[1] && distances[1] > distances[2], string.Join(' ', distances));
        Assert.InRange(distances[2], 0, 1e-8);
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.9)]
    [InlineData(1)]
    public void The_least_rank_that_keeps_a_share_is_taken(double share)
    {
        using var model = Fit(new MokaAdapter());

        var lora = model.ToLoraOfEnergy(share);

        var needed = Updates(model).Max(update =>
        {
            var squares = update.Delta.Svd(computeVectors: false).S.Select(value => value * value).ToArray();
            return Enumerable.Range(1, squares.Length).First(rank => squares.Take(rank).Sum() >= share * squares.Sum() - 1e-10 * squares.Sum());
        });
        Assert.Equal(needed, lora.Rank, share == 1 ? 2.0 : 0.0);
        Assert.All(lora.Maps, map => Assert.InRange(map.KeptEnergy, share - 1e-6, 1));
    }

    [Fact]
    public void An_untrained_adapter_is_nothing_and_wrong_wishes_are_refused()
    {
        using var model = Fit(new MokaAdapter(), steps: 0);
        Assert.Equal(0, model.ToLora(2).RelativeError);
        Assert.Equal(1, model.ToLoraOfEnergy(0.99).Rank);
        Assert.Throws<ArgumentOutOfRangeException>(() => model.ToLora(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.ToLoraOfEnergy(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.ToLoraOfEnergy(double.NaN));
        using var canceled = new CancellationTokenSource();
        canceled.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => model.ToLora(2, canceled.Token));
    }

    private MokaTransformer Fit(AdapterOptions adapter, int steps = 2)
    {
        var options = tuned.FewSteps;
        options.NumberOfSteps = steps;
        options.Adapter = adapter;
        return tuned.Pipeline(tuned.Context, options).Fit(tuned.Train).LastTransformer;
    }

    private IReadOnlyList<float[]> Scores(MokaTransformer model) =>
        TunedModel.Scores(model.Transform(tuned.Context.Data.LoadFromEnumerable(Row.Make(20, seed: 3))));

    /// <summary>W' − W of every map, in full.</summary>
    private static List<(string Map, Matrix<double> Delta)> Updates(MokaTransformer model)
    {
        var backbone = model.Weights.Backbone;
        var weights = backbone.LinearMaps.ToDictionary(map => map.Shape.Name, map => map.Weight);
        return [.. model.Weights.Adapters.Adapters.Select(adapter =>
        {
            using var merged = adapter.Merge(weights[adapter.Plan.Map.Name]);
            using var frozen = backbone.Backend.Expand(weights[adapter.Plan.Map.Name]);
            return (adapter.Plan.Map.Name, Dense(merged) - Dense(frozen));
        })];

        Matrix<double> Dense(Tensor tensor)
        {
            var values = new float[tensor.Length];
            backbone.Backend.Download(tensor, values);
            return Matrix<double>.Build.DenseOfRowMajor(tensor.Rows, tensor.Columns, Array.ConvertAll(values, value => (double)value));
        }
    }
}
