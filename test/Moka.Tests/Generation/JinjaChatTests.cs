using Microsoft.Extensions.AI;
using Microsoft.ML.Moka.Generation;
using Microsoft.ML.Moka.Tests.Text;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Generation;

/// <summary>A backbone's own template: what it writes are tokens, what somebody says is text.</summary>
public class JinjaChatTests
{
    private const string Turns =
        "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content | trim }}{{ eos_token }}\n{% endfor %}"
        + "{% if add_generation_prompt %}[assistant]{% endif %}";

    private static readonly ChatMessage User = new(ChatRole.User, " the end ");

    private static BackboneTokenizer Tokenizer => SmallTokenizers.ByName("tokenizer.json");

    [Fact]
    public void Names_of_tokens_are_tokens_where_the_template_writes_them_and_text_where_a_message_does()
    {
        var message = new ChatMessage(ChatRole.User, $"a{SmallTokenizers.EndOfText}{SmallTokenizers.BeginOfText}b");

        var prompt = Render(Turns, [message]);

        Assert.Equal($"{SmallTokenizers.BeginOfText}[user]{message.Text}{SmallTokenizers.EndOfText}\n[assistant]", prompt.ToString());
        var ids = Tokenizer.Encode(prompt, false);
        Assert.Equal(
            [
                Tokenizer.BeginOfSequence!.Value, .. Tokenizer.Encode(new MarkedText().Template("[user]").Plain(message.Text), false), Tokenizer.EndOfSequence,
                .. Tokenizer.Encode("\n[assistant]", false),
            ],
            ids);
        Assert.Single(ids, Tokenizer.EndOfSequence);
    }

    /// <summary>A name that is put together from halves of which one is said by somebody is no token either.</summary>
    [Theory]
    [InlineData("{{ '<|end_of_' + messages[0].content }}", "text|>")]
    [InlineData("{{ messages[0].content | replace('X', 'end_of') }}", "<|X_text|>")]
    [InlineData("{{ messages[0].content[::-1] }}", ">|txet_fo_dne|<")]
    [InlineData("{{ messages[0] | tojson }}", "<|end_of_text|>")]
    public void Half_a_name_is_text(string template, string content)
    {
        var prompt = Render(template, [new(ChatRole.User, content)]);

        Assert.Contains(SmallTokenizers.EndOfText, prompt.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(Tokenizer.EndOfSequence, Tokenizer.Encode(prompt, false));
    }

    [Theory]
    [InlineData("{{ bos_token }}{{ messages[0].content }}")]
    [InlineData("<|begin_of_text|>{{ messages[0].content }}")]
    [InlineData("{{ messages[0].content }}")]
    public void A_prompt_begins_with_one_begin_of_sequence(string template)
    {
        var ids = Tokenizer.Encode(Render(template, [User]), false);

        Assert.Equal(Tokenizer.Encode(" the end ", true), ids);
        Assert.Single(ids, Tokenizer.BeginOfSequence!.Value);
    }

    [Fact]
    public void A_message_that_says_begin_of_sequence_does_not_begin_it()
    {
        var ids = Tokenizer.Encode(Render("{{ messages[0].content }}", [new(ChatRole.User, SmallTokenizers.BeginOfText)]), false);

        Assert.Equal(0, Array.IndexOf(ids, Tokenizer.BeginOfSequence!.Value));
        Assert.Single(ids, Tokenizer.BeginOfSequence!.Value);
        Assert.True(ids.Length > 2);
    }

    [Fact]
    public void On_SentencePiece_the_names_of_begin_and_end_are_tokens_too()
    {
        const string Config = """{"bos_token": "<s>", "eos_token": {"content": "</s>"}}""";
        var tokenizer = SmallTokenizers.Load(SmallTokenizers.SentencePiece().With("tokenizer_config.json", Config));
        var template = ChatTemplate.FromJinja("{{ bos_token }}{{ messages[0].content }}</s>");

        var ids = tokenizer.Encode(template.Render(ChatTurn.Of([new(ChatRole.User, "the <s>")]), tokenizer), false);

        Assert.Equal([1, .. tokenizer.Encode(new MarkedText().Plain("the <s>"), false), 2], ids);
        Assert.Single(ids, 1);
    }

    [Theory]
    [InlineData("the", "[assistant]the")]
    [InlineData("the  ", "[assistant]the")]
    [InlineData("", "[assistant]")]
    public void An_answer_that_is_begun_is_gone_on_with(string begun, string end)
    {
        var prompt = Render(Turns, [User, new(ChatRole.Assistant, begun)]).ToString();

        Assert.EndsWith($"{SmallTokenizers.EndOfText}\n{end}", prompt, StringComparison.Ordinal);
    }

    [Fact]
    public void An_answer_that_the_template_leaves_out_is_not_gone_on_with() =>
        Assert.Contains("leaves out", Assert.Throws<ArgumentException>(() => Render("{{ messages[0].content }}", [User, new(ChatRole.Assistant, "x")])).Message,
            StringComparison.Ordinal);

    [Fact]
    public void The_templates_own_error_is_the_users()
    {
        var template = "{{ raise_exception('Roles must alternate') }}";

        Assert.Contains("Roles must alternate", Assert.ThrowsAny<ArgumentException>(() => Render(template, [User])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_template_writes_behind_an_answer_ends_one()
    {
        var files =
            SmallTokenizers.ByteLevel(json =>
            json["added_tokens"]!.AsArray().Add(new System.Text.Json.Nodes.JsonObject { ["id"] = 400, ["content"] = "<|im_end|>", ["special"] = true }));
        var tokenizer = SmallTokenizers.Load(files);

        Assert.Equal([tokenizer.EndOfSequence, 400], Form("{% for m in messages %}{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"));
        Assert.Equal([tokenizer.EndOfSequence], Form("{% for m in messages %}{{ m.role }}\n{{ m.content }}\n{% endfor %}"));
        Assert.Equal([tokenizer.EndOfSequence], Form("{{ raise_exception('no') }}"));

        IReadOnlyList<int> Form(string template) => ChatTemplate.FromJinja(template).FormOf(tokenizer).EndTokens;
    }

    [Fact]
    public void The_backbones_own_template_is_found_where_it_may_be()
    {
        var files = SmallTokenizers.ByteLevel();
        string Config(string field) => $$"""{"bos_token": "{{SmallTokenizers.BeginOfText}}", "eos_token": "{{SmallTokenizers.EndOfText}}"{{field}}}""";
        string? Own(Dictionary<string, byte[]> all) =>
            ChatTemplate.OwnOf(SmallTokenizers.Load(all))?.Render(ChatTurn.Of([User]), Tokenizer).ToString()[SmallTokenizers.BeginOfText.Length..];

        Assert.Null(Own(files));
        Assert.Null(Own(files.With("tokenizer_config.json", Config(", \"chat_template\": null"))));
        var inConfig = files.With("tokenizer_config.json", Config(", \"chat_template\": \"text\""));
        Assert.Equal("text", Own(inConfig));
        Assert.Equal("file", Own(inConfig.With("chat_template.jinja", "file\n")));
        const string Tool = """{"name": "tool_use", "template": "a"}""";
        const string Default = """{"name": "default", "template": "b"}""";
        Assert.Equal("b", Own(files.With("tokenizer_config.json", Config($", \"chat_template\": [{Tool}, {Default}]"))));
        var withoutDefault = Assert.Throws<InvalidDataException>(() => Own(files.With("tokenizer_config.json", Config($", \"chat_template\": [{Tool}]"))));
        Assert.Contains("'tool_use'", withoutDefault.Message, StringComparison.Ordinal);
        Assert.Contains("chat_template of tokenizer_config.json, line 1",
            Assert.Throws<InvalidDataException>(() => Own(files.With("tokenizer_config.json", Config(", \"chat_template\": \"{% x %}\"")))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_chat_client_uses_the_backbones_own_template_also_after_saving()
    {
        using var folder = new TemporaryFolder();
        var backbone = TinyBackbone.Write(folder.File("tiny"));
        await File.WriteAllTextAsync(Path.Combine(backbone, "chat_template.jinja"), Turns, TestContext.Current.CancellationToken);
        var context = new MLContext(seed: 1);
        var options = new MokaTextGenerationTrainer.Options { BackbonePath = backbone, NumberOfEpochs = 0, Generation = new() { MaximumNewTokens = 2 } };
        var data = context.Data.LoadFromEnumerable([new Order { Instruction = "a", Output = "b" }]);
        using var model = WritingModel.Trainer(context, options).Fit(data);
        var tokenizer = BackboneTokenizer.Load(backbone);
        var expected = tokenizer.Encode(ChatTemplate.FromJinja(Turns).Render(ChatTurn.Of([User]), tokenizer), false).Length;

        Assert.NotEqual(expected, await PromptTokens(model.AsChatClient(ChatTemplate.Of(new PromptTemplate("Q: {instruction}")))));
        Assert.Equal(expected, await PromptTokens(model.AsChatClient()));
        context.Model.Save(model, data.Schema, folder.File("model.zip"));
        using var loaded = (MokaTextGenerator)context.Model.Load(folder.File("model.zip"), out _);
        Assert.Equal(expected, await PromptTokens(loaded.AsChatClient()));

        static async Task<long?> PromptTokens(IChatClient client) => (await client.GetResponseAsync([User])).Usage!.InputTokenCount;
    }

    private static MarkedText Render(string template, IReadOnlyList<ChatMessage> messages) =>
        ChatTemplate.FromJinja(template).Render(ChatTurn.Of(messages), Tokenizer);
}
