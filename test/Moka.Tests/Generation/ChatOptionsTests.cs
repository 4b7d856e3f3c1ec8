using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Microsoft.ML.Moka.Tests.Generation;

/// <summary>Each option of a chat is done or refused by name.</summary>
public sealed class ChatOptionsTests : IDisposable
{
    /// <summary>What changes the text, what only permits something, and what is refused below: together all that there is.</summary>
    private static readonly string[] Done =
    [
        nameof(ChatOptions.Instructions), nameof(ChatOptions.Temperature), nameof(ChatOptions.MaxOutputTokens), nameof(ChatOptions.TopP),
        nameof(ChatOptions.TopK), nameof(ChatOptions.FrequencyPenalty), nameof(ChatOptions.PresencePenalty),
        nameof(ChatOptions.Seed), nameof(ChatOptions.StopSequences),
        nameof(ChatOptions.ResponseFormat),
    ];

    private static readonly string[] Permitted = [nameof(ChatOptions.AllowMultipleToolCalls), nameof(ChatOptions.AllowBackgroundResponses)];

    private readonly MokaTextGenerator _model;
    private readonly IChatClient _client;

    public ChatOptionsTests(WritingModel writing)
    {
        Writing = writing;
        _model = WritingModel.Trainer(writing.Context, writing.FewSteps).Fit(writing.Train);
        _client = _model.AsChatClient();
    }

    public static TheoryData<string> Refused => [.. Refusals.Keys];

    private static Dictionary<string, ChatOptions> Refusals { get; } = new()
    {
        [nameof(ChatOptions.Tools)] = new() { Tools = [AIFunctionFactory.Create(() => 1)] },
        [nameof(ChatOptions.ToolMode)] = new() { ToolMode = ChatToolMode.RequireAny },
        [nameof(ChatOptions.ConversationId)] = new() { ConversationId = "thread-7" },
        [nameof(ChatOptions.ContinuationToken)] = new() { ContinuationToken = ResponseContinuationToken.FromBytes(new byte[] { 1 }) },
        [nameof(ChatOptions.ModelId)] = new() { ModelId = "another" },
        [nameof(ChatOptions.Reasoning)] = new() { Reasoning = new() { Effort = ReasoningEffort.High } },
        [nameof(ChatOptions.AdditionalProperties)] = new() { AdditionalProperties = new() { ["repetition_penalty"] = 1.1 } },
        [nameof(ChatOptions.RawRepresentationFactory)] = new() { RawRepresentationFactory = _ => new Foreign() },
    };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private WritingModel Writing { get; }

    public void Dispose()
    {
        _client.Dispose();
        _model.Dispose();
    }

    /// <summary>A later version of the package brings an option: somebody has to decide what becomes of it.</summary>
    [Fact]
    public void Every_option_that_there_is_has_its_place() =>
        Assert.Equal(
            typeof(ChatOptions).GetProperties().Where(property => property.CanWrite).Select(property => property.Name).Order(StringComparer.Ordinal),
            Done.Concat(Permitted).Concat(Refusals.Keys).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task What_cannot_be_done_is_refused_by_name(string option)
    {
        var error = await Assert.ThrowsAsync<NotSupportedException>(() => _client.GetResponseAsync("sky", Refusals[option], Token));

        Assert.Contains(option, error.Message, StringComparison.Ordinal);
        Assert.Throws<NotSupportedException>(() => _client.GetStreamingResponseAsync("sky", Refusals[option], Token));
    }

    [Fact]
    public async Task What_asks_for_nothing_is_taken()
    {
        var plain = await _client.GetResponseAsync("sky", cancellationToken: Token);

        var response = await _client.GetResponseAsync("sky", new ChatOptions
        {
            Tools = [],
            ToolMode = ChatToolMode.Auto,
            ModelId = plain.ModelId,
            ResponseFormat = ChatResponseFormat.Text,
            Reasoning = new() { Effort = ReasoningEffort.None },
            AdditionalProperties = [],
            AllowMultipleToolCalls = true,
            AllowBackgroundResponses = true,
            RawRepresentationFactory = _ => null,
        }, Token);

        Assert.Equal(plain.Text, response.Text);
    }

    [Fact]
    public async Task Penalties_change_the_text_and_count_what_it_has()
    {
        var plain = await TextOf(new());
        var frequency = await TextOf(new() { FrequencyPenalty = -2 });
        var presence = await TextOf(new() { PresencePenalty = 2 });

        Assert.NotEqual(plain, frequency);
        Assert.NotEqual(plain, presence);
        Assert.NotEqual(frequency, presence);
        Assert.Equal(frequency, await StreamedAsync(new TextGenerationOptions { MaximumNewTokens = 40, FrequencyPenalty = -2 }));
        var error = await Assert.ThrowsAsync<ArgumentException>(() => TextOf(new() { PresencePenalty = 2.5f }));
        Assert.Contains("PresencePenalty is 2.5; it must be from -2 to 2.", error.Message, StringComparison.Ordinal);
        // By the name that the chat has for it.
        foreach (var (options, named) in ((ChatOptions, string)[])
            [(new() { FrequencyPenalty = float.NaN }, "FrequencyPenalty is NaN"), (new() { Temperature = float.NaN }, "Temperature is NaN"),
                (new() { TopP = float.NaN }, "TopP is NaN"), (new() { MaxOutputTokens = 0 }, "MaxOutputTokens is 0"),
                (new() { StopSequences = [""] }, "StopSequences has an empty text")])
            Assert.Contains(named, (await Assert.ThrowsAsync<ArgumentException>(() => TextOf(options))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_seed_each_text_is_drawn_anew_and_with_one_it_is_the_same()
    {
        var free = new ChatOptions { Temperature = 2, MaxOutputTokens = 20 };
        var seeded = new ChatOptions { Temperature = 2, MaxOutputTokens = 20, Seed = 0 };

        Assert.NotEqual(await TextOf(free), await TextOf(free));
        Assert.Equal(await TextOf(seeded), await TextOf(seeded));
        // The model's own seed holds where the chat names none.
        _model.Options = _model.Options with { Seed = 5 };
        Assert.Equal(await TextOf(free), await TextOf(free));
        Assert.NotEqual(await TextOf(free), await TextOf(seeded));
    }

    [Fact]
    public void Rows_without_a_seed_are_drawn_by_the_contexts_and_else_once_for_a_view()
    {
        _model.Options = _model.Options with { Temperature = 2 };
        Assert.Equal(WritingModel.Texts(_model.Transform(Writing.Train)), WritingModel.Texts(_model.Transform(Writing.Train)));

        using var unseeded = WritingModel.Trainer(new MLContext(), Writing.FewSteps).Fit(Writing.Train);
        unseeded.Options = unseeded.Options with { Temperature = 2 };
        var view = unseeded.Transform(Writing.Train);
        Assert.Equal(WritingModel.Texts(view), WritingModel.Texts(view));
        Assert.NotEqual(WritingModel.Texts(view), WritingModel.Texts(unseeded.Transform(Writing.Train)));
    }

    /// <summary>The model was hardly tuned and writes nonsense: that it is JSON of the form is the constraint's doing.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1.5f)]
    public async Task An_answer_keeps_to_a_schema(float temperature)
    {
        var schema = JsonDocument.Parse("""
            {
              "type": "object", "description": "what it is", "additionalProperties": false, "required": ["isGood", "kind"],
              "properties": {
                "isGood": {"type": "boolean"}, "count": {"type": ["integer", "null"]}, "kind": {"enum": ["wood", "né 😀", 7]},
                "next": {"type": "array", "items": {"$ref": "#/properties/kind"}}
              }
            }
            """).RootElement;
        for (var seed = 0; seed < 4; seed++)
        {
            var response = await _client.GetResponseAsync("sky", new ChatOptions
            {
                ResponseFormat = ChatResponseFormat.ForJsonSchema(schema), Temperature = temperature, Seed = seed, MaxOutputTokens = 110,
            }, Token);

            if (response.FinishReason == ChatFinishReason.Length)
                continue;
            var json = JsonDocument.Parse(response.Text).RootElement;
            Assert.Contains(json.GetProperty("isGood").ValueKind, new[] { JsonValueKind.True, JsonValueKind.False });
            Assert.Contains(json.GetProperty("kind").ToString(), (string[])["wood", "né 😀", "7"]);
        }
        var small = JsonDocument.Parse("""{"type":"object","properties":{"a":{"type":"boolean"}},"required":["a"]}""").RootElement;
        var limited = await _client.GetResponseAsync("sky", new ChatOptions
        {
            ResponseFormat = ChatResponseFormat.ForJsonSchema(small), Temperature = temperature, MaxOutputTokens = 60,
        }, Token);
        Assert.Equal(ChatFinishReason.Stop, limited.FinishReason);
        Assert.Matches("^\\{\"a\": ?(true|false)\\}$", limited.Text);
        var refused = JsonDocument.Parse("""{"type":"object","properties":{"a":{"type":"string","pattern":"x"}}}""").RootElement;
        var error = await Assert.ThrowsAsync<NotSupportedException>(() =>
            _client.GetResponseAsync("sky", new ChatOptions { ResponseFormat = ChatResponseFormat.ForJsonSchema(refused) }, Token));
        Assert.Contains("'pattern' at '#/properties/a'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Its_own_options_are_taken_whole_and_the_chats_over_them()
    {
        var own = new TextGenerationOptions { Temperature = 1.5f, Seed = 9, MaximumNewTokens = 30 };
        var options = new ChatOptions { RawRepresentationFactory = _ => own, MaxOutputTokens = 12 };

        Assert.Equal(await StreamedAsync(own with { MaximumNewTokens = 12 }), await TextOf(options));
    }

    /// <summary>ChatRole compares without regard to case, so that an application may say "User"; a template writes the role as it is.</summary>
    [Theory]
    [InlineData("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:")]
    [InlineData("{% for m in messages %}{% if m['role'] == 'user' %}Q {{ m.content }}{% endif %}{% endfor %}A")]
    public async Task Roles_that_compare_alike_render_alike(string template)
    {
        using var client = _model.AsChatClient(ChatTemplate.FromJinja(template));
        ChatMessage[] usual = [new(ChatRole.System, "the"), new(ChatRole.User, "sky"), new(ChatRole.Assistant, "an"), new(ChatRole.User, "sea")];
        ChatMessage[] shouted = [.. usual.Select(message => new ChatMessage(new ChatRole(message.Role.Value.ToUpperInvariant()), message.Text))];

        var expected = await client.GetResponseAsync(usual, cancellationToken: Token);
        var found = await client.GetResponseAsync(shouted, cancellationToken: Token);

        Assert.Equal(expected.Text, found.Text);
        Assert.Equal(expected.Usage!.InputTokenCount, found.Usage!.InputTokenCount);
        Assert.Equal(ConversationRow.Of(usual).Messages, ConversationRow.Of(shouted).Messages);
    }

    [Fact]
    public async Task A_chat_that_outgrows_the_positions_loses_its_first_exchanges_and_says_so()
    {
        var lines = new List<string>();
        var context = new MLContext(seed: 1);
        context.Log += (_, e) => lines.Add(e.Message);
        using var model = WritingModel.Trainer(context, Writing.FewSteps).Fit(Writing.Train);
        using var client = model.AsChatClient(ChatTemplate.FromJinja("{% for m in messages %}<{{ m.role[0] }}>{{ m.content }}{% endfor %}<a>"));
        ChatMessage system = new(ChatRole.System, "end");
        ChatMessage[] last = [new(ChatRole.User, "sky 3"), new(ChatRole.Assistant, "an 3"), new(ChatRole.User, "sky 4")];
        ChatMessage[] first = [new(ChatRole.User, new string('x', 60)), new(ChatRole.Assistant, new string('y', 40))];

        var whole = await client.GetResponseAsync([system, .. last], cancellationToken: Token);
        Assert.Null(whole.AdditionalProperties);
        var cut = await client.GetResponseAsync([system, .. first, .. last], cancellationToken: Token);
        var streamed = await client.GetStreamingResponseAsync([system, .. first, .. last], cancellationToken: Token).ToChatResponseAsync(Token);

        Assert.Equal(whole.Text, cut.Text);
        Assert.Equal(whole.Usage!.InputTokenCount, cut.Usage!.InputTokenCount);
        Assert.Equal(2, cut.AdditionalProperties!["moka.messages_left_out"]);
        Assert.Equal(2, Assert.Single(streamed.Messages).AdditionalProperties!["moka.messages_left_out"]);
        Assert.Single(lines, line => line.Contains("its first 2 messages after the system's are left out", StringComparison.Ordinal));
    }

    private async Task<string> TextOf(ChatOptions options) => (await _client.GetResponseAsync("sea", options, Token)).Text;

    private async Task<string> StreamedAsync(TextGenerationOptions options) =>
        string.Concat(await StreamingTests.Read(_model.GenerateAsync("sea", null, options, Token)));

    private sealed class Foreign;
}
