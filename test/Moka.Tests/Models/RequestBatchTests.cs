using Microsoft.ML.Moka.Tests.Generation;

namespace Microsoft.ML.Moka.Tests.Models;

public sealed class RequestBatchTests(WritingModel writing) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Texts_of_several_models_are_those_of_each_by_itself()
    {
        writing.Model.SaveAdapter(_folder.File("learned"));
        using var untuned = Fit(new LoraAdapter { Rank = 2 });
        using var learned = untuned.WithAdapter(_folder.File("learned"));
        using var other = untuned.WithAdapter(_folder.File("learned"));
        other.Options = other.Options with { MaximumNewTokens = 5 };
        TextRequest[] requests =
        [
            new(learned, "sky"), new(untuned, "sky"), new(other, "sea"), new(learned, "sea", "night"), new(untuned, "sea"), new(learned, "sea"),
        ];
        var pieces = new string[requests.Length];

        var texts = MokaTextGenerator.GenerateTogether(requests, onPiece: (number, piece) => pieces[number] += piece);

        Assert.Equal((WritingModel.AnswerToSky, WritingModel.AnswerToSeaAtNight, WritingModel.AnswerToSea), (texts[0], texts[3], texts[5]));
        foreach (var (request, text, piece) in requests.Zip(texts, pieces))
        {
            var alone = "";
            await foreach (var part in request.Model.GenerateAsync(request.Instruction, request.Input, null, TestContext.Current.CancellationToken))
                alone += part;
            Assert.Equal(alone, text);
            Assert.Equal(alone, piece ?? "");
        }
        Assert.NotEqual(texts[0], texts[1]);
        Assert.Empty(MokaTextGenerator.GenerateTogether([]));
    }

    /// <summary>Alone, a text without a seed is drawn anew each time; beside others of the same prompt too.</summary>
    [Fact]
    public void Without_a_seed_texts_of_one_prompt_are_drawn_anew()
    {
        using var untuned = Fit(new LoraAdapter { Rank = 2 });
        var options = new TextGenerationOptions { Temperature = 3, MaximumNewTokens = 12 };
        TextRequest[] requests = [.. Enumerable.Repeat(new TextRequest(untuned, "sky"), 4)];

        Assert.True(MokaTextGenerator.GenerateTogether(requests, options).Distinct().Count() > 1);
        Assert.Single(MokaTextGenerator.GenerateTogether(requests, options with { Seed = 3 }).Distinct());
    }

    [Fact]
    public void Requests_without_a_model_or_a_text_are_refused()
    {
        Assert.Throws<ArgumentNullException>(() => MokaTextGenerator.GenerateTogether([null!]));
        Assert.Throws<ArgumentNullException>(() => MokaTextGenerator.GenerateTogether([new(null!, "sky")]));
        Assert.Throws<ArgumentNullException>(() => MokaTextGenerator.GenerateTogether([new(writing.Model, null!)]));
    }

    [Fact]
    public void Models_that_do_not_belong_together_are_refused()
    {
        using var one = Fit(new MokaAdapter());
        var options = writing.FewSteps;
        (options.NumberOfSteps, options.Quantization) = (0, BackboneQuantization.None);
        using var dense = WritingModel.Trainer(writing.Context, options).Fit(writing.Train);
        var error = Assert.Throws<ArgumentException>(() => MokaTextGenerator.GenerateTogether([new(one, "sky"), new(dense, "sky")]));
        Assert.Contains("different backbones", error.Message, StringComparison.Ordinal);
        using var canceled = new CancellationTokenSource();
        canceled.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => MokaTextGenerator.GenerateTogether([new(one, "sky")], cancellationToken: canceled.Token));
        one.Dispose();
        Assert.Throws<ObjectDisposedException>(() => MokaTextGenerator.GenerateTogether([new(one, "sky")]));
    }

    private MokaTextGenerator Fit(AdapterOptions adapter)
    {
        var options = writing.FewSteps;
        (options.NumberOfSteps, options.Adapter) = (0, adapter);
        options.Generation = writing.Options.Generation;
        return WritingModel.Trainer(writing.Context, options).Fit(writing.Train);
    }
}
