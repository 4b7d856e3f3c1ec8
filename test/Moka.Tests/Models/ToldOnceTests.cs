namespace Microsoft.ML.Moka.Tests.Models;

/// <summary>What is odd about texts is told, and not a million times: requests tell it once for a model, views once for a view.</summary>
public sealed class ToldOnceTests(TunedModel tuned)
{
    private const string Cut = "Prompts that were too long and lost their beginning: ";

    private static readonly string TooLong = string.Concat(Enumerable.Repeat("nice cup ", 200));

    private readonly List<string> _told = [];

    [Fact]
    public async Task RequestsTellOnceForAModel()
    {
        using var model = Fit(out var context);
        for (var i = 0; i < 3; i++)
        {
            context.Model.PredictLabels(model, TooLong);
            context.Model.PredictLabels(model, new Row { Text = TooLong });
            context.Model.PredictAllLabels(model, [TooLong, "nice hat"]);
            context.Model.PredictAllLabels(model, [new Row { Text = TooLong }]);
            using var embeddings = model.AsEmbeddingGenerator();
            await embeddings.GenerateAsync([TooLong], cancellationToken: TestContext.Current.CancellationToken);
        }
        Assert.Equal($"{Cut}1. Of rows that come one by one, this is said once for a model.", Assert.Single(_told));
    }

    [Fact]
    public async Task AnEmbeddingGeneratorTellsThatItCuts()
    {
        using var model = Fit(out _);
        using var embeddings = model.AsEmbeddingGenerator();
        await embeddings.GenerateAsync(["nice hat"], cancellationToken: TestContext.Current.CancellationToken);
        Assert.Empty(_told);
        await embeddings.GenerateAsync([TooLong, "nice hat", TooLong], cancellationToken: TestContext.Current.CancellationToken);
        Assert.StartsWith($"{Cut}2.", Assert.Single(_told), StringComparison.Ordinal);
    }

    [Fact]
    public void AViewTellsOnceHoweverOftenItIsPassedOver()
    {
        using var model = Fit(out var context);
        var view = model.Transform(context.Data.LoadFromEnumerable([new Row { Text = TooLong }, .. Row.Make(3), new Row { Text = TooLong }]));
        for (var pass = 0; pass < 3; pass++)
            TunedModel.Scores(view);
        Assert.Equal($"{Cut}2.", Assert.Single(_told));
        TunedModel.Scores(model.Transform(context.Data.LoadFromEnumerable([new Row { Text = TooLong }])));
        Assert.Equal([$"{Cut}2.", $"{Cut}1."], _told);
    }

    [Fact]
    public void ANullAmongTextsIsRefusedByItsPlace()
    {
        using var model = Fit(out var context);
        var error = Assert.Throws<ArgumentException>(() => context.Model.PredictAllLabels(model, ["nice hat", null!]));
        Assert.StartsWith("Text 2 of 2 is null: give an empty text", error.Message, StringComparison.Ordinal);
    }

    private MokaTransformer Fit(out MLContext context)
    {
        context = new MLContext(seed: 1);
        var model = tuned.Pipeline(context, tuned.FewSteps).Fit(tuned.Train).LastTransformer;
        context.Log += (_, e) =>
        {
            if (e.Kind == Runtime.ChannelMessageKind.Warning)
                _told.Add(e.RawMessage);
        };
        return model;
    }
}
