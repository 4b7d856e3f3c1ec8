using System.Text.Json;
using Microsoft.ML.Moka.Tests.Generation;

namespace Microsoft.ML.Moka.Tests.Files;

/// <summary>
/// File-based apps, trimmed and ahead-of-time compiled programs run with JSON's reflection off: everything that reads or writes JSON, in a process like theirs.
/// </summary>
public sealed class WithoutReflectionTests(TunedModel tuned, WritingModel writing) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Ways =>
        [nameof(Tuning_saving_and_loading), nameof(Adapters_and_backbones), nameof(Benchmarks_and_their_report), nameof(Texts_and_chats)];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Ways))]
    public void Works_with_reflection_off(string way) => FreshProcess.RunWith(
        new Dictionary<string, bool> { ["System.Text.Json.JsonSerializer.IsReflectionEnabledByDefault"] = false }, typeof(WithoutReflectionTests), way);

    [Fact(Explicit = true)]
    public void Tuning_saving_and_loading()
    {
        RequireOff();
        var options = tuned.FewSteps;
        options.ValidationFraction = 0.2;
        options.CheckpointFolder = _folder.File("run");
        using var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);
        Assert.NotEmpty(Directory.GetFiles(options.CheckpointFolder));
        using var resumed = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);
        tuned.Context.Model.Save(model, tuned.Train.Schema, _folder.File("model.zip"));
        var loaded = tuned.Context.Model.Load(_folder.File("model.zip"), out _);
        var scores = TunedModel.Scores(model.Transform(tuned.Train));
        Assert.Equal(scores, TunedModel.Scores(loaded.Transform(tuned.Train)));
        Assert.Equal(scores, TunedModel.Scores(resumed.Transform(tuned.Train)));
    }

    [Fact(Explicit = true)]
    public void Adapters_and_backbones()
    {
        RequireOff();
        using var model = tuned.Pipeline(tuned.Context, tuned.FewSteps).Fit(tuned.Train);
        model.LastTransformer.SaveAdapter(_folder.File("adapter"));
        using var again = model.LastTransformer.WithAdapter(_folder.File("adapter"));
        model.LastTransformer.SaveMerged(_folder.File("merged"), new MergeOptions { Quantization = BackboneQuantization.NF4 });
        model.LastTransformer.SaveGguf(_folder.File("merged.gguf"));
        Assert.Equal("nf4", BackboneDescription.Of(_folder.File("merged")).WeightFormat);
        Assert.NotEmpty(BackboneDescription.Of(_folder.File("merged.gguf")).Fingerprint);
        Assert.NotEmpty(MokaBackbone.LoadTokenizer().EncodeToIds("A text."));
        Assert.NotEmpty(model.LastTransformer.Inspect().GatesToSvg());
        Assert.NotEmpty(AdapterDesigner.ForBackbone().ForBudget(new MokaAdapter(), 20_000).ToString());
    }

    [Fact(Explicit = true)]
    public void Benchmarks_and_their_report()
    {
        RequireOff();
        Directory.CreateDirectory(_folder.File("data/boolq"));
        File.WriteAllText(_folder.File("data/boolq/test.json"), """
            [{"instruction":"Is it so?\n\nAnswer format: true/false","input":"","output":"the correct answer is true","answer":"true"},
             {"instruction":"Is it not?\n\nAnswer format: true/false","input":"","output":"the correct answer is false","answer":"false"}]
            """);
        var options = new BenchmarkOptions { ResultsFolder = _folder.File("results") };
        var catalog = tuned.Context.MulticlassClassification;
        var first = catalog.EvaluateBackbone(tuned.BackbonePath, _folder.File("data"), options);
        var second = catalog.EvaluateBackbone(tuned.BackbonePath, _folder.File("data"), options);
        new BenchmarkReport([first]).Save(_folder.File("report"));
        new BenchmarkReport([second], new BenchmarkReportOptions { ComparedWith = _folder.File("report/report.json") }).Save(_folder.File("compared"));
    }

    [Fact(Explicit = true)]
    public void Texts_and_chats()
    {
        RequireOff();
        using var model = WritingModel.Trainer(writing.Context, new()
        {
            BackbonePath = writing.BackbonePath,
            NumberOfSteps = 1,
            PromptTemplate = new PromptTemplate("{instruction}:"),
        }).Fit(writing.Train);
        writing.Context.Model.Save(model, writing.Train.Schema, _folder.File("model.zip"));
        using var loaded = (MokaTextGenerator)writing.Context.Model.Load(_folder.File("model.zip"), out _);
        loaded.Options = loaded.Options with { MaximumNewTokens = 2 };
        Assert.NotNull(loaded.AsChatClient(ChatTemplate.Llama3));
        Assert.Equal(3, writing.Context.Data.CreateEnumerable<Reply>(loaded.Transform(writing.Train), reuseRowObject: false).Count());
    }

    private static void RequireOff() => Assert.False(JsonSerializer.IsReflectionEnabledByDefault);
}
