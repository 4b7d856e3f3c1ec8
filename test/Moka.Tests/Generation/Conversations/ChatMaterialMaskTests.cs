using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.Extensions.AI;
using Microsoft.ML.Moka.Generation;
using Microsoft.ML.Moka.Generation.Conversations;
using Microsoft.ML.Moka.Tests.Text;
using Microsoft.ML.Moka.Tests.Text.Jinja;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Text.Jinja;

namespace Microsoft.ML.Moka.Tests.Generation.Conversations;

/// <summary>What of a conversation is learned under public models' chat templates.</summary>
[Trait("Category", "Material")]
public sealed partial class ChatMaterialMaskTests
{
    public static TheoryData<string> Names => [.. Material.Folders("chat").DefaultIfEmpty("")];

    [Theory]
    [MemberData(nameof(Names))]
    public void Where_the_template_marks_answers_those_are_learned(string name)
    {
        var chat = new Chat(name);
        foreach (var conversation in chat.Conversations.Where(c => c.Marks.Count > 0))
        {
            var taught = chat.Template.Teach(conversation.Turns, chat.Tokenizer);
            var text = taught.Text.ToString();
            var begin = text.Length - conversation.Text.Length;

            Assert.Equal(conversation.Text, text[begin..]);
            Assert.Equal(conversation.Marks.Select(mark => (mark.Start + begin, mark.End + begin)), taught.Answers);
            Assert.Equal(0, taught.LeftOut);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void An_answer_is_learned_behind_the_prompt_that_a_chat_would_read_and_up_to_what_ends_it(string name)
    {
        var chat = new Chat(name);
        foreach (var (turns, text, _) in chat.Conversations.Where(c => c.Marks.Count == 0))
        {
            var taught = chat.Template.Teach(turns, chat.Tokenizer);
            var written = taught.Text.ToString();
            var answered = turns.Index().Where(turn => turn.Item.Role == ChatRole.Assistant).ToList();
            Assert.Equal(answered.Count, taught.Answers.Count + taught.LeftOut);
            Assert.EndsWith(text, written, StringComparison.Ordinal);
            foreach (var (start, end) in taught.Answers)
            {
                var learned = written[start..end];
                var (index, turn) = answered.First(turn => turn.Item.Text.Trim().Length > 0 && learned.Contains(turn.Item.Text.Trim(), StringComparison.Ordinal)
                    && (turn.Index == 0 || chat.Template.Render([.. turns.Take(turn.Index)], chat.Tokenizer).ToString() == written[..start]));
                var behind = learned[(learned.LastIndexOf(turn.Text.Trim(), StringComparison.Ordinal) + turn.Text.Trim().Length)..].Trim();
                Assert.True(behind.Length == 0 || chat.Template.FormOf(chat.Tokenizer).EndTokens.Select(chat.Tokenizer.NameOf).Contains(behind), behind);
                Assert.Equal(turns[index].Text, turn.Text);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_ids_of_what_is_learned_read_as_its_text(string name)
    {
        var chat = new Chat(name);
        var encoder = new ConversationEncoder(chat.Template, chat.Tokenizer, 4096);
        foreach (var (turns, _, _) in chat.Conversations.Where(c => c.Turns.Any(turn => turn.Role == ChatRole.Assistant)))
        {
            IReadOnlyList<ChatTurn> answered = [.. turns.Reverse().SkipWhile(turn => turn.Role != ChatRole.Assistant).Reverse()];
            TaughtText taught;
            try
            {
                taught = chat.Template.Teach(answered, chat.Tokenizer);
            }
            catch (TemplateRenderException)
            {
                continue;
            }
            var conversation = encoder.ForTraining(answered);
            var text = taught.Text.ToString();

            Assert.Equal(taught.Answers.Count, conversation.Answers.Count);
            foreach (var (range, answer) in conversation.Answers.Zip(taught.Answers))
            {
                var learned = chat.Tokenizer.Decode(conversation.Ids[range.Start..range.End], skipSpecialTokens: false);
                // A token may begin before an answer or end behind it.
                Assert.Contains(text[answer.Start..answer.End], learned, StringComparison.Ordinal);
                Assert.InRange(learned.Length - (answer.End - answer.Start), 0, 8);
            }
        }
    }

    /// <summary>Of a plain conversation everything can be learned, but where a template asks for answers in another way than it writes them.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void A_plain_conversation_is_learned_whole_unless_the_template_writes_it_anew(string name)
    {
        var chat = new Chat(name);
        var asked = new ChatTurn(ChatRole.User, "1+1?");
        var answers = new[] { "It is 2.", "It is 4." };
        ChatTurn[] turns = [asked, new(ChatRole.Assistant, answers[0]), new(ChatRole.User, "2+2?"), new(ChatRole.Assistant, answers[1])];

        var taught = chat.Template.Teach(turns, chat.Tokenizer);

        var isPreserved = Enumerable.Range(0, 2).Select(i =>
        {
            var until = chat.Template.Teach(turns[..(2 * i + 2)], chat.Tokenizer).Text.ToString();
            var end = until.LastIndexOf(answers[i], StringComparison.Ordinal) + answers[i].Length;
            var prompt = chat.Template.Render(turns[..(2 * i + 1)], chat.Tokenizer).ToString();
            return taught.Text.ToString().StartsWith(until[..end], StringComparison.Ordinal) && until.StartsWith(prompt, StringComparison.Ordinal);
        }).ToList();
        var leftOut = chat.HasMarks ? 0 : isPreserved.Count(same => !same);
        Assert.Equal(leftOut, taught.LeftOut);
        Assert.True(taught.Answers.Count >= 2 - leftOut);
        TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {leftOut} of 2 left out");
    }

    private sealed partial class Chat
    {
        private readonly string _folder;

        public Chat(string name)
        {
            _folder = Material.Require($"chat/{name}");
            using var vectors = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_folder, "vectors.json")));
            var source = File.ReadAllText(Path.Combine(_folder, "chat_template.jinja"));
            var today = DateTime.ParseExact(vectors.RootElement.GetProperty("today").GetString()!, "yyyy-MM-dd", CultureInfo.InvariantCulture);
            Template = new JinjaChat(JinjaTemplate.Parse(source, name), new JinjaCases.FixedClock(today));
            Tokenizer = TokenizerOf(source, vectors.RootElement);
            Conversations = [.. vectors.RootElement.GetProperty("conversations").EnumerateArray().Where(IsUsual).Select(Read)];
            HasMarks = Conversations.Any(c => c.Marks.Count > 0);
            Assert.NotEmpty(Conversations);
        }

        public ChatTemplate Template { get; }

        public BackboneTokenizer Tokenizer { get; }

        public bool HasMarks { get; }

        public IReadOnlyList<(IReadOnlyList<ChatTurn> Turns, string Text, IReadOnlyList<(int Start, int End)> Marks)> Conversations { get; }

        // Those that a row can have: texts of the three roles, without a prompt behind them.
        private static bool IsUsual(JsonElement conversation) => conversation.TryGetProperty("text", out _)
            && !conversation.GetProperty("add_generation_prompt").GetBoolean()
            && conversation.EnumerateObject().All(field => field.Name is "messages" or "add_generation_prompt" or "text" or "assistant")
            && conversation.GetProperty("messages").EnumerateArray().All(message => message.EnumerateObject().All(field => field.Name is "role" or "content")
                && message.GetProperty("role").GetString() is "system" or "user" or "assistant");

        private static (IReadOnlyList<ChatTurn>, string, IReadOnlyList<(int, int)>) Read(JsonElement conversation)
        {
            var turns = ConversationJson.Read(conversation.GetProperty("messages").GetRawText(), "the conversation");
            var text = conversation.GetProperty("text").GetString()!;
            // Python counts characters.
            var places = new TracedText(text).CharacterStarts();
            return (turns, text, conversation.TryGetProperty("assistant", out var spans)
                ? [.. spans.EnumerateArray().Select(span => (places[span[0].GetInt32()], places[span[1].GetInt32()]))]
                : []);
        }

        private static BackboneTokenizer TokenizerOf(string template, JsonElement vectors)
        {
            var (begin, end) = (vectors.GetProperty("bos_token").GetString()!, vectors.GetProperty("eos_token").GetString()!);
            var names = Control().Matches(template).Select(match => match.Value).Append(begin).Append(end).Distinct();
            var files = SmallTokenizers.ByteLevel(json =>
            {
                var tokens = json["added_tokens"]!.AsArray();
                foreach (var name in names.Where(name => tokens.All(token => token!["content"]!.GetValue<string>() != name)))
                    tokens.Add(new JsonObject { ["id"] = 400 + tokens.Count, ["content"] = name, ["special"] = true });
            });
            return SmallTokenizers.Load(files.With("tokenizer_config.json", new JsonObject { ["bos_token"] = begin, ["eos_token"] = end }.ToJsonString()));
        }

        [GeneratedRegex(@"<[|｜][^|｜>\s'""{}]{1,40}[|｜]>|<(start|end)_of_turn>|\[/?[A-Z_]{4,20}\]")]
        private static partial Regex Control();
    }
}
