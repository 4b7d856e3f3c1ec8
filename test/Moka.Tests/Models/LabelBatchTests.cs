namespace Microsoft.ML.Moka.Tests.Models;

/// <summary>Texts of several classifiers over one backbone are scored together, and each as if its model were alone.</summary>
public sealed class LabelBatchTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<MokaTransformer> _models = [];

    public void Dispose()
    {
        foreach (var model in _models)
            model.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Probabilities_are_those_of_each_model_by_itself()
    {
        tuned.Model.SaveAdapter(_folder.Path);
        var lora = Fit(options => options.Adapter = new LoraAdapter { Rank = 2, TargetModules = ["q_proj", "down_proj"] });
        MokaTransformer[] models =
        [
            lora, lora.WithAdapter(_folder.Path), Fit(options => options.Adapter = new DoraAdapter { Rank = 2, Layers = [1] }),
            // Other words, and another prompt.
            Fit(options => options.PromptTemplate = new PromptTemplate("Review: {text} It was"), row => row.Label == "yes" ? "great" : "terrible"),
            Fit(options => options.Head = MokaHead.LastToken),
            Fit(options => (options.Head, options.Adapter) = (MokaHead.LastToken, new PissaAdapter { Rank = 3 })),
            Fit(options => options.Head = MokaHead.Mean, row => row.Label + row.Text[^1]), Fit(options => options.Head = MokaHead.Mean),
            Fit(options => options.Adapter = new HiraAdapter { Rank = 2 }),
        ];
        _models.Add(models[1]);
        var texts = Row.Make(3 * models.Length, seed: 5).Select(row => row.Text).ToList();
        LabelRequest[] requests = [.. texts.Select((text, i) => new LabelRequest(models[i * 5 % models.Length], text))];

        var together = MokaTransformer.PredictTogether(requests);

        Assert.Equal(requests.Length, together.Count);
        foreach (var (request, prediction) in requests.Zip(together))
        {
            var alone = tuned.Context.Model.PredictLabels(request.Model, request.Text);
            Assert.Equal(alone.Labels, prediction.Labels);
            Assert.Equal((alone.Label, alone.Probability), (prediction.Label, prediction.Probability));
        }
        // Not all say the same.
        Assert.True(together.Select(prediction => prediction.Probability).Distinct().Count() > requests.Length / 2);
        Assert.Empty(MokaTransformer.PredictTogether([]));
        // One text of all models.
        Assert.Equal(
            models.Select(model => tuned.Context.Model.PredictLabels(model, texts[0]).Probability),
            MokaTransformer.PredictTogether([.. models.Select(model => new LabelRequest(model, texts[0]))]).Select(prediction => prediction.Probability));
    }

    [Fact]
    public void What_does_not_go_together_is_refused()
    {
        var one = Fit(_ => { });
        var dense = Fit(options => options.Quantization = BackboneQuantization.None);
        Assert.Contains("different backbones", Assert.Throws<ArgumentException>(
            () => MokaTransformer.PredictTogether([new(one, "a"), new(dense, "a")])).Message, StringComparison.Ordinal);
        var named = Fit(options => options.PromptTemplate = new PromptTemplate("{Text}, {Label2}: {text} is"));
        Assert.Contains("reads the columns", Assert.Throws<ArgumentException>(
            () => MokaTransformer.PredictTogether([new(one, "a"), new(named, "a")])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>(() => MokaTransformer.PredictTogether([null!]));
        Assert.Throws<ArgumentNullException>(() => MokaTransformer.PredictTogether([new(one, null!)]));
        using var canceled = new CancellationTokenSource();
        canceled.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => MokaTransformer.PredictTogether([new(one, "a")], canceled.Token));
        one.Dispose();
        Assert.Throws<ObjectDisposedException>(() => MokaTransformer.PredictTogether([new(one, "a")]));
    }

    private MokaTransformer Fit(Action<MokaTrainer.Options> change, Func<Row, string>? label = null)
    {
        var options = tuned.FewSteps;
        change(options);
        var rows = Row.Make(100).Select(row => new { row.Text, Label = label?.Invoke(row) ?? row.Label, Label2 = row.Label });
        var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Context.Data.LoadFromEnumerable(rows)).LastTransformer;
        _models.Add(model);
        return model;
    }
}
