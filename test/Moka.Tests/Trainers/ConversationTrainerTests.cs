using Microsoft.Extensions.AI;
using Microsoft.ML.Moka.Tests.Generation;
using Microsoft.ML.Moka.Tests.Text;

namespace Microsoft.ML.Moka.Tests.Trainers;

/// <summary>Tuning on conversations, and the form in which models chat.</summary>
public sealed class ConversationTrainerTests : IDisposable
{
    private const string Template =
        "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";

    private static readonly ChatMessage[] Sea = [User("sea"), Assistant("the thing"), User("more"), Assistant("and the end")];
    private static readonly ChatMessage[] Sky = [User("sky"), Assistant("née"), User("more"), Assistant("日本")];

    private readonly TemporaryFolder _folder = new();
    private readonly MLContext _context = new(seed: 1);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_model_learns_each_answer_and_chats_in_the_same_form_also_after_saving()
    {
        var data = Rows(Sea, Sky);
        using var model = Fit(Options(Backbone(Template)), data);

        Assert.Equal(["and the end", "日本"], WritingModel.Texts(model.Transform(data)));
        await Answers(model);
        _context.Model.Save(model, data.Schema, _folder.File("model.zip"));
        using var loaded = (MokaTextGenerator)_context.Model.Load(_folder.File("model.zip"), out _);
        Assert.Equal(["and the end", "日本"], WritingModel.Texts(loaded.Transform(data)));
        await Answers(loaded);

        static async Task Answers(MokaTextGenerator model)
        {
            foreach (var messages in new[] { Sea, Sky })
            {
                Assert.Equal(messages[1].Text, await Answer(model, messages[..1]));
                Assert.Equal(messages[3].Text, await Answer(model, messages[..3]));
                Assert.Equal(messages[1].Text, await Answer(model.GenerateAsync(messages[0].Text)));
            }
        }
    }

    [Theory]
    [InlineData("llama2")]
    [InlineData("prompt")]
    [InlineData("jinja")]
    public async Task A_template_that_is_chosen_is_kept_with_the_model(string kind)
    {
        var options = Options(Backbone(kind == "jinja" ? "{{ raise_exception('not this') }}" : null));
        options.ChatTemplate = kind switch
        {
            "llama2" => ChatTemplate.Llama2,
            "prompt" => ChatTemplate.Of(new PromptTemplate("{instruction}:", " ")),
            _ => ChatTemplate.FromJinja(Template),
        };
        var data = Rows(Sea);
        using var model = Fit(options, data);
        _context.Model.Save(model, data.Schema, _folder.File("model.zip"));
        using var loaded = (MokaTextGenerator)_context.Model.Load(_folder.File("model.zip"), out _);

        Assert.Equal("and the end", Assert.Single(WritingModel.Texts(loaded.Transform(data))).TrimEnd());
        Assert.Equal("the thing", (await Answer(loaded, Sea[..1])).TrimEnd());
    }

    [Fact]
    public async Task A_model_chats_in_the_form_that_it_was_tuned_in()
    {
        var backbone = Backbone("[own]{{ messages[0].content }}");
        var orders = _context.Data.LoadFromEnumerable([new Order { Instruction = "sea", Output = "the thing" }]);
        var prompt = new PromptTemplate("a long prompt before {instruction}:", "");
        MokaTextGenerationTrainer.Options Options(int steps) => new()
        {
            BackbonePath = backbone,
            PromptTemplate = prompt,
            NumberOfSteps = steps,
            Generation = new() { MaximumNewTokens = 1 },
        };
        var tokenizer = Microsoft.ML.Moka.Text.BackboneTokenizer.Load(backbone);
        var own = tokenizer.Encode("[own]sea", true).Length;
        var asTuned = tokenizer.Encode("a long prompt before sea:", true).Length;

        using var untuned = _context.TextGeneration.Trainers.Moka(Options(0)).Fit(orders);
        using var tuned = _context.TextGeneration.Trainers.Moka(Options(1)).Fit(orders);
        tuned.SaveAdapter(_folder.File("adapter"));
        using var other = tuned.WithAdapter(_folder.File("adapter"));
        _context.Model.Save(tuned, orders.Schema, _folder.File("model.zip"));
        using var loaded = (MokaTextGenerator)_context.Model.Load(_folder.File("model.zip"), out _);

        Assert.Equal(own, await PromptTokens(untuned));
        Assert.Equal(asTuned, await PromptTokens(tuned));
        Assert.Equal(asTuned, await PromptTokens(other));
        Assert.Equal(asTuned, await PromptTokens(loaded));
        Assert.Equal(own, (await tuned.AsChatClient(ChatTemplate.FromJinja("[own]{{ messages[0].content }}")).GetResponseAsync([User("sea")]))
            .Usage!.InputTokenCount);

        static async Task<long?> PromptTokens(MokaTextGenerator model) => (await model.AsChatClient().GetResponseAsync([User("sea")])).Usage!.InputTokenCount;
    }

    [Fact]
    public void What_is_skipped_is_said_once_with_numbers()
    {
        var lines = new List<string>();
        _context.Log += (_, e) => lines.Add(e.Message);
        var template = "{% if messages[0].role != 'user' %}{{ raise_exception('the user speaks first') }}{% endif %}" +
            Template.Replace("{{ m.content }}", "{{ m.content.split('</think>')[-1] }}", StringComparison.Ordinal);
        var options = Options(Backbone(template), steps: 1);
        options.MaximumTokens = 96;
        ChatMessage[] thinking = [User("a"), Assistant("<think>x</think>y"), User("b"), Assistant("z")];

        using var model = Fit(options, Rows(Sea, thinking, thinking[1..2], [User("no answer")], [.. Sea, .. Sea, .. Sea]));

        Said("Skipped 1 of 5 conversations of the training set: they have no answer");
        Said("Skipped 1 of 5 conversations of the training set, which the chat template does not take. The first: ", "the user speaks first");
        Said("1 answers in conversations of the training set are not learned: the chat template writes them otherwise");
        Said("1 of 5 conversations of the training set were too long and lost their first turns: raise MaximumTokens");

        void Said(params string[] parts) => Assert.Single(lines, line => parts.All(part => line.Contains(part, StringComparison.Ordinal)));
    }

    [Fact]
    public void What_cannot_be_learned_from_is_an_error()
    {
        Failed<InvalidOperationException>(null, Rows(Sea), "has no chat template of its own", "Options.ChatTemplate");
        Failed<InvalidOperationException>("{{ raise_exception('never') }}", Rows(Sea), "has no answer that can be learned", "never");
        Failed<InvalidOperationException>(Template, Rows(), "no rows");
        Failed<InvalidOperationException>("{{ messages[0].content }}", Rows(Sea), "has no answer that can be learned", "not learned");
        var bad = _context.Data.LoadFromEnumerable([new ConversationRow { Messages = "[]" }, new ConversationRow { Messages = "{" }]);
        Failed<InvalidDataException>(Template, bad, "'Messages', row 1");
        Failed<ArgumentOutOfRangeException>(Template, _context.Data.LoadFromEnumerable([new Order()]), "'Messages'", "Options.MessagesColumnName");

        void Failed<T>(string? template, IDataView data, params string[] said)
            where T : Exception
        {
            var message = Assert.ThrowsAny<T>(() => Fit(Options(Backbone(template), steps: 1), data)).Message;
            Assert.All(said, part => Assert.Contains(part, message, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Options_that_do_not_go_together_are_refused()
    {
        var options = Options(Backbone(Template));
        options.PromptTemplate = PromptTemplate.Alpaca;
        options.InputColumnName = "Input";
        options.GeneratedColumnName = "Messages";

        var message = Assert.ThrowsAny<ArgumentException>(() => _context.TextGeneration.Trainers.Moka(options)).Message;

        Assert.All(["PromptTemplate and MessagesColumnName", "InputColumnName and MessagesColumnName", "GeneratedColumnName and MessagesColumnName"],
            part => Assert.Contains(part, message, StringComparison.Ordinal));
    }

    [Fact]
    public void A_conversation_with_nothing_to_answer_is_an_error_of_its_row()
    {
        using var model = Fit(Options(Backbone(Template), steps: 1), Rows(Sea));

        var message = Assert.ThrowsAny<Exception>(() => WritingModel.Texts(model.Transform(Rows([Assistant("alone")])))).Message;

        Assert.Contains("to be answered", message, StringComparison.Ordinal);
    }

    private static ChatMessage User(string text) => new(ChatRole.User, text);

    private static ChatMessage Assistant(string text) => new(ChatRole.Assistant, text);

    private static Task<string> Answer(MokaTextGenerator model, ChatMessage[] messages) => Answer(model.GenerateAsync(messages));

    private static async Task<string> Answer(IAsyncEnumerable<string> pieces)
    {
        var text = "";
        await foreach (var piece in pieces)
            text += piece;
        return text;
    }

    private static MokaTextGenerationTrainer.Options Options(string backbone, int steps = 300) => new()
    {
        BackbonePath = backbone,
        MessagesColumnName = "Messages",
        NumberOfSteps = steps,
        LearningRate = 1e-2f,
        Generation = new() { MaximumNewTokens = 20 },
    };

    private string Backbone(string? template)
    {
        var backbone = TinyBackbone.Write(_folder.File("tiny"));
        File.Delete(Path.Combine(backbone, "chat_template.jinja"));
        if (template is not null)
            File.WriteAllText(Path.Combine(backbone, "chat_template.jinja"), template);
        return backbone;
    }

    private IDataView Rows(params ChatMessage[][] conversations) => _context.Data.LoadFromEnumerable([.. conversations.Select(c => ConversationRow.Of(c))]);

    private MokaTextGenerator Fit(MokaTextGenerationTrainer.Options options, IDataView data) => _context.TextGeneration.Trainers.Moka(options).Fit(data);
}
