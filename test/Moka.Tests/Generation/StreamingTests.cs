namespace Microsoft.ML.Moka.Tests.Generation;

public sealed class StreamingTests(WritingModel writing)
{
    [Fact]
    public async Task Pieces_add_up_to_the_text_of_the_row()
    {
        foreach (var order in WritingModel.Orders)
        {
            var pieces = await Read(writing.Model.GenerateAsync(order.Instruction, order.Input, cancellationToken: TestContext.Current.CancellationToken));

            Assert.Equal(order.Output, string.Concat(pieces));
            Assert.True(pieces.Count > 1);
            Assert.DoesNotContain(pieces, piece => piece.Length == 0 || piece.Contains('\uFFFD') || char.IsHighSurrogate(piece[^1]));
        }
    }

    [Fact]
    public async Task An_instruction_that_was_cut_is_told_once()
    {
        var context = new MLContext(seed: 1);
        using var model = WritingModel.Trainer(context, writing.FewSteps).Fit(writing.Train);
        model.Options = model.Options with { MaximumNewTokens = 1 };
        var warnings = new List<string>();
        context.Log += (_, e) =>
        {
            if (e.Kind == Runtime.ChannelMessageKind.Warning)
                warnings.Add(e.RawMessage);
        };
        foreach (var instruction in (string[])["sky", .. Enumerable.Repeat(string.Concat(Enumerable.Repeat("sky over the sea ", 100)), 2)])
            await Read(model.GenerateAsync(instruction, cancellationToken: TestContext.Current.CancellationToken));

        Assert.StartsWith("Prompts that were too long and lost their beginning: 1.", Assert.Single(warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_question_that_is_none_is_told_once()
    {
        var context = new MLContext(seed: 1);
        using var model = WritingModel.Trainer(context, writing.FewSteps).Fit(writing.Train);
        model.Options = model.Options with { MaximumNewTokens = 1 };
        var warnings = new List<string>();
        context.Log += (_, e) =>
        {
            if (e.Kind == Runtime.ChannelMessageKind.Warning)
                warnings.Add(e.RawMessage);
        };
        using var chat = model.AsChatClient(ChatTemplate.Of(new PromptTemplate("Q: {instruction} A:")));
        for (var i = 0; i < 2; i++)
        {
            await Read(model.GenerateAsync("\n", cancellationToken: TestContext.Current.CancellationToken));
            await chat.GetResponseAsync([new(Microsoft.Extensions.AI.ChatRole.User, " ")], cancellationToken: TestContext.Current.CancellationToken);
        }

        Assert.StartsWith("Rows whose instruction is blank, so that nothing was asked: 1.", Assert.Single(warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Streaming_and_rows_agree_whatever_the_options(float temperature)
    {
        using var model = WritingModel.Trainer(writing.Context, writing.FewSteps).Fit(writing.Train);
        var options = new TextGenerationOptions
        {
            MaximumNewTokens = 30,
            Temperature = temperature,
            TopK = 40,
            TopP = 0.95f,
            Seed = 9,
            StopWords = ["e", "xyz"],
        };

        var pieces = await Read(model.GenerateAsync("sea", null, options, TestContext.Current.CancellationToken));

        model.Options = options;
        Assert.Equal(
            WritingModel.Texts(model.Transform(writing.Context.Data.LoadFromEnumerable([new Order { Instruction = "sea" }])))[0], string.Concat(pieces));
    }

    [Fact]
    public async Task Cancellation_in_the_middle_ends_the_work()
    {
        using var model = WritingModel.Trainer(writing.Context, writing.FewSteps).Fit(writing.Train);
        using var source = new CancellationTokenSource();
        var pieces = 0;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in model.GenerateAsync("sea", null, new() { MaximumNewTokens = 100 }, source.Token))
            {
                if (++pieces == 3)
                    await source.CancelAsync();
            }
        });

        Assert.Equal(3, pieces);
    }

    [Fact]
    public async Task Who_leaves_the_loop_stops_the_work_and_the_model_goes_on()
    {
        var model = WritingModel.Trainer(writing.Context, writing.FewSteps).Fit(writing.Train);
        await foreach (var piece in model.GenerateAsync("sea", null, new() { MaximumNewTokens = 100 }, TestContext.Current.CancellationToken))
        {
            Assert.NotEmpty(piece);
            break;
        }

        Assert.NotEmpty(await Read(model.GenerateAsync("sea", cancellationToken: TestContext.Current.CancellationToken)));
        // Nothing uses the weights any more: they go at once.
        model.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => Read(model.GenerateAsync("sea", cancellationToken: TestContext.Current.CancellationToken)));
    }

    [Fact]
    public void Wrong_options_are_refused_at_once()
    {
        Assert.Contains("TopP is 0", Assert.Throws<ArgumentException>(() => writing.Model.GenerateAsync("sea", null, new() { TopP = 0 })).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>(() => writing.Model.GenerateAsync((string)null!));
    }

    internal static async Task<List<string>> Read(IAsyncEnumerable<string> pieces)
    {
        var read = new List<string>();
        await foreach (var piece in pieces)
            read.Add(piece);
        return read;
    }
}
