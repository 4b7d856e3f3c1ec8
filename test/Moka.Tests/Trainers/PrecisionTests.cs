using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Tensors.Cpu.Tiles;
using Microsoft.ML.Moka.Tests.Training;
using Microsoft.ML.Moka.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Tests.Trainers;

/// <summary>The option of trainers and models, on emulated tiles: from the trainer through a saved model to its scores.</summary>
public sealed class PrecisionTests(TunedModel tuned)
{
    [Fact]
    public void TilesAreUsedWhereTheyAreAndTheModelKeepsWhatWasAskedFor()
    {
        Assert.SkipWhen(SimdLevels.Best < SimdLevel.Vector512, "No AVX-512, which what stands around the tiles needs.");
        using var folder = new TemporaryFolder();
        var tiles = new EmulatedTiles();
        using var replaced = TileDetection.Replace(tiles);
        var options = tuned.FewSteps;

        var (context, lines) = Listening();
        using var usual = tuned.Pipeline(context, options).Fit(tuned.Train);
        Assert.Null(usual.LastTransformer.Precision);
        Assert.Equal("Products in Split, on AMX.", Assert.Single(lines));
        Assert.True(tiles.Calls > 0);

        options.Precision = MokaPrecision.BFloat16;
        using var coarse = tuned.Pipeline(context, options).Fit(tuned.Train);
        Assert.Equal("Products in BFloat16, on AMX.", lines[^1]);
        using var again = tuned.Pipeline(context, options).Fit(tuned.Train);
        var scores = Scores(coarse);
        Assert.Equal(scores, Scores(again));

        options.Precision = MokaPrecision.Float32;
        var calls = tiles.Calls;
        using var whole = tuned.Pipeline(context, options).Fit(tuned.Train);
        Assert.Equal("Products in Float32.", lines[^1]);
        Assert.Equal(calls, tiles.Calls);
        foreach (var (a, b) in Scores(whole).Zip(Scores(usual)))
            Assert.Equal(a[0], b[0], 1e-3f);

        context.Model.Save(coarse, tuned.Train.Schema, folder.File("coarse.zip"));
        using var loaded = (IDisposable)context.Model.Load(folder.File("coarse.zip"), out _);
        var model = (MokaTransformer)((IEnumerable<ITransformer>)loaded).Last();
        Assert.Equal(MokaPrecision.BFloat16, model.Precision);
        Assert.Equal(scores, Scores((ITransformer)loaded));

        // Changed afterwards, in this model alone.
        model.Precision = MokaPrecision.Float32;
        calls = tiles.Calls;
        Assert.NotEqual(scores, Scores((ITransformer)loaded));
        Assert.Equal(calls, tiles.Calls);
        Assert.Equal(scores, Scores(coarse));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Precision = (MokaPrecision)7);
    }

    /// <summary>Nobody is told of vectors that are no faster, as Intel's are, but who asks for another precision learns why it is not computed in.</summary>
    [Theory]
    [InlineData(null, MokaPrecision.Split, "the test has none")]
    [InlineData("its AVX-512 is no faster", MokaPrecision.BFloat16, "the test has none, and its AVX-512 is no faster")]
    public void WithoutTilesTheLogSaysWhy(string? vectorsProblem, MokaPrecision precision, string reason)
    {
        using var replaced = TileDetection.Replace(null, "the test has none", vectorsProblem: vectorsProblem);
        var options = tuned.FewSteps;
        var (context, lines) = Listening();
        using var usual = tuned.Pipeline(context, options).Fit(tuned.Train);
        Assert.Equal($"Products in Float32: {reason}.", Assert.Single(lines));

        options.Precision = precision;
        using var asked = tuned.Pipeline(context, options).Fit(tuned.Train);
        Assert.Equal($"Precision is {precision}, but products are computed in Float32: {reason}.", lines[^1]);
        Assert.Equal(Scores(usual), Scores(asked));
    }

    /// <summary>Vectors multiply bfloat16 where they are asked to, and are never the usual choice.</summary>
    [Fact]
    public void VectorsOfBFloat16AreAChoice()
    {
        Assert.SkipUnless(VectorTiles.IsSupported, "The processor has no AVX512_BF16.");
        using var replaced = TileDetection.Replace(null, "the test has none", new VectorTiles());
        var options = tuned.FewSteps;
        var (context, lines) = Listening();
        using var usual = tuned.Pipeline(context, options).Fit(tuned.Train);
        Assert.Equal("Products in Float32: the test has none. Precision = BFloat16 would be faster and coarser, on AVX-512.", Assert.Single(lines));

        options.Precision = MokaPrecision.Float32;
        using var whole = tuned.Pipeline(context, options).Fit(tuned.Train);
        Assert.Equal("Products in Float32: the test has none.", lines[^1]);

        options.Precision = MokaPrecision.Split;
        using var split = tuned.Pipeline(context, options).Fit(tuned.Train);
        Assert.Equal("Precision is Split, but products are computed in Float32: the test has none.", lines[^1]);
        Assert.Equal(Scores(usual), Scores(split));

        options.Precision = MokaPrecision.BFloat16;
        using var coarse = tuned.Pipeline(context, options).Fit(tuned.Train);
        Assert.Equal("Products in BFloat16, on AVX-512.", lines[^1]);
        using var again = tuned.Pipeline(context, options).Fit(tuned.Train);
        Assert.Equal(Scores(coarse), Scores(again));
        Assert.NotEqual(Scores(usual), Scores(coarse));
        foreach (var (a, b) in Scores(usual).Zip(Scores(coarse)))
            Assert.Equal(a[0], b[0], 0.1f);
    }

    /// <summary>A run that was interrupted does not go on in another precision: it would not end where it ends otherwise.</summary>
    [Fact]
    public void RunsInTwoPrecisionsAreTwoRuns()
    {
        Assert.SkipWhen(SimdLevels.Best < SimdLevel.Vector512, "No AVX-512, which what stands around the tiles needs.");
        using var backend = new CpuBackend(threads: 1, SimdLevel.Vector512, MokaPrecision.Float32, new EmulatedTiles());
        using var backbone = LlamaBackbone.Frozen(backend, TinyBackbone.Config, new RandomWeights(TinyBackbone.Config, 1));
        using var adapters = backbone.CreateAdapters(new LoraAdapter { Rank = 2 }, seed: 1);
        var prints = Enum.GetValues<MokaPrecision>().Select(precision =>
        {
            backend.Precision = precision;
            return TrainingCheckpoint.Fingerprint(TinyRun.Plan, new TrainedModel(backbone, adapters), [new TrainingExample([1, 2, 3], 1)], null);
        });
        Assert.Equal(3, prints.Distinct().Count());
    }

    private static (MLContext Context, List<string> Lines) Listening()
    {
        var context = new MLContext(seed: 1);
        var lines = new List<string>();
        context.Log += (_, e) =>
        {
            if (e.Kind is ChannelMessageKind.Info or ChannelMessageKind.Warning && (e.RawMessage.StartsWith("Products", StringComparison.Ordinal)
                || e.RawMessage.StartsWith("Precision", StringComparison.Ordinal)))
                lines.Add(e.RawMessage);
        };
        return (context, lines);
    }

    private IReadOnlyList<float[]> Scores(ITransformer model) => TunedModel.Scores(model.Transform(tuned.Train));
}
