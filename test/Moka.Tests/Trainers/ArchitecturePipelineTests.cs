using Microsoft.ML.Data;
using Microsoft.ML.Moka.Tests.Backbones;

namespace Microsoft.ML.Moka.Tests.Trainers;

/// <summary>Every architecture goes the whole way: planned, tuned, saved and loaded, its adapter written and read, and merged.</summary>
public sealed class ArchitecturePipelineTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, string> Names => [.. from name in TinyArchitectures.Names from method in (string[])["moka", "dora"] select (name, method)];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void It_is_planned_tuned_saved_and_merged(string name, string method)
    {
        var options = Options(name);
        // A magnitude scales what a weight gives, and no bias.
        options.Adapter = AdapterMethods.Create(method);
        options.Adapter.TargetModules = ["*"];
        Assert.True(MemoryPlan.ForTraining(options).TotalBytes > 0);
        using var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);
        var expected = Scores(model);
        Assert.NotEqual(expected[0], Scores(Untuned(options.BackbonePath!))[0]);

        tuned.Context.Model.Save(model, tuned.Train.Schema, _folder.File("model.zip"));
        using (var loaded = (TransformerChain<ITransformer>)tuned.Context.Model.Load(_folder.File("model.zip"), out _))
            AssertClose(expected, TunedModel.Scores(loaded.Transform(Rows)), 0);

        model.LastTransformer.SaveAdapter(_folder.File("adapter"));
        AssertClose(expected, Scores(Untuned(options.BackbonePath!, _folder.File("adapter"))), 0);

        model.LastTransformer.SaveMerged(_folder.File("merged"));
        AssertClose(expected, Scores(Untuned(_folder.File("merged"))), 2e-4);
        Assert.Equal(BackboneDescription.Of(options.BackbonePath).ParameterCount, BackboneDescription.Of(_folder.File("merged")).ParameterCount);
    }

    private MokaTrainer.Options Options(string name)
    {
        var options = tuned.FewSteps;
        options.BackbonePath = TinyBackbone.Write(_folder.File("backbone"), config: TinyArchitectures.Of(name));
        options.Quantization = BackboneQuantization.None;
        options.NumberOfSteps = 6;
        return options;
    }

    private TransformerChain<MokaTransformer> Untuned(string backbone, string? adapter = null)
    {
        var options = tuned.FewSteps;
        options.NumberOfSteps = 0;
        options.BackbonePath = backbone;
        options.Quantization = BackboneQuantization.None;
        options.InitialAdapterPath = adapter;
        return tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);
    }

    private IDataView Rows => tuned.Context.Data.LoadFromEnumerable(Row.Make(30, seed: 9));

    private IReadOnlyList<float[]> Scores(ITransformer model) => TunedModel.Scores(model.Transform(Rows));

    private static void AssertClose(IReadOnlyList<float[]> expected, IReadOnlyList<float[]> actual, double tolerance)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (var i = 0; i < expected.Count; i++)
            Assert.Equal(expected[i][0], actual[i][0], tolerance);
    }
}
