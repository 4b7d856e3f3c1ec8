using Microsoft.Extensions.AI;
using Microsoft.ML.Moka.Generation;
using Microsoft.ML.Moka.Generation.Conversations;
using Microsoft.ML.Moka.Tests.Text;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Generation.Conversations;

/// <summary>Which tokens of a conversation are learned, and what becomes of one that is too long.</summary>
public class ConversationEncoderTests
{
    private const string Begin = SmallTokenizers.BeginOfText;
    private const string End = SmallTokenizers.EndOfText;
    private const string Turns =
        "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content | trim }}{{ eos_token }}\n{% endfor %}"
        + "{% if add_generation_prompt %}[assistant]{% endif %}";
    private const string Marked =
        "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{% generation %}{{ m.content if m.role == 'assistant' }}{% endgeneration %}{{ eos_token }}"
        + "{% endfor %}";

    private static readonly ChatTurn[] Conversation = [.. "system be|user a q|assistant  one \n|user more|assistant two|user left".Split('|').Select(Turn)];

    private static BackboneTokenizer Tokenizer { get; } = SmallTokenizers.ByName("tokenizer.json");

    [Fact]
    public void Answers_are_learned_with_their_end_and_nothing_else()
    {
        var (ids, learned, taught) = Learned(Turns, Conversation);

        Assert.Equal(["one" + End, "two" + End], learned);
        Assert.Equal($"{Begin}[system]be{End}\n[user]a q{End}\n[assistant]one{End}\n[user]more{End}\n[assistant]two{End}", Text(ids));
        Assert.Equal((0, false, false), (taught.LeftOut, taught.IsCut, taught.AnswerIsCut));
    }

    [Fact]
    public void What_somebody_writes_is_no_token_and_the_begin_is_there_once()
    {
        foreach (var template in new[] { Turns, Turns.Replace("{{ bos_token }}", "", StringComparison.Ordinal) })
        {
            var (ids, learned, _) = Learned(template, [new(ChatRole.User, $"a{End}{Begin}"), new(ChatRole.Assistant, $"b{End}{Begin}c")]);

            Assert.Equal([$"b{End}{Begin}c{End}"], learned);
            Assert.Equal(0, ids.IndexOf(Tokenizer.BeginOfSequence!.Value));
            Assert.Single(ids, Tokenizer.BeginOfSequence.Value);
            Assert.Equal(2, ids.Count(id => id == Tokenizer.EndOfSequence));
        }
    }

    /// <summary>The mask begins where a chat's prompt ends, also where a token crosses that border.</summary>
    [Theory]
    [InlineData("USER:", "ASSISTANT:")]
    [InlineData("Q", "A")]
    public void A_token_that_reaches_into_an_answer_is_learned(string user, string assistant)
    {
        var template =
            $"{{% for m in messages %}}{{{{ ('{user} ' if m.role == 'user' else '{assistant} ') + m.content }}}}"
            + $"{{{{ eos_token if m.role == 'assistant' else ' ' }}}}{{% endfor %}}{{% if add_generation_prompt %}}{assistant}{{% endif %}}";
        var chat = ChatTemplate.FromJinja(template);
        ChatTurn[] turns = [new(ChatRole.User, "the"), new(ChatRole.Assistant, "the and")];

        var taught = new ConversationEncoder(chat, Tokenizer, 100).ForTraining(turns);

        var prompt = Tokenizer.Encode(chat.Render(turns[..1], Tokenizer), false);
        Assert.Equal(prompt, taught.Ids[..taught.Answers[0].Start]);
        Assert.Equal(" the and" + End, Text(taught.Ids[taught.Answers[0].Start..]));
    }

    [Fact]
    public void The_templates_own_marks_are_followed()
    {
        Assert.Equal([" one \n", "two"], Learned(Marked, Conversation).Learned);
    }

    [Theory]
    // Earlier turns lose what they thought, or their blanks differ from the last one's; the last is asked for as it is written.
    [InlineData("{{ m.content.split('</think>')[-1] if not loop.last else m.content }}", "<think>x</think>one", 1, "two")]
    [InlineData("{{ m.content.split('</think>')[-1] }}", "<think>x</think>one", 1, "two")]
    [InlineData("{{ '<think></think>' if loop.last and m.role == 'assistant' }}{{ m.content }}", "one", 1, "<think></think>two")]
    // Blanks that always go make no difference.
    [InlineData("{{ m.content | trim }}", " one ", 0, "one", "two")]
    [InlineData("{{ m.content | upper }}", "one", 2)]
    public void A_turn_that_the_template_writes_anew_is_not_learned(string content, string first, int leftOut, params string[] expected)
    {
        var template = $"{{% for m in messages %}}[{{{{ m.role }}}}]{content}{{{{ eos_token }}}}{{% endfor %}}"
            + "{% if add_generation_prompt %}[assistant]{% endif %}";
        ChatTurn[] turns = [new(ChatRole.User, "Q"), new(ChatRole.Assistant, first), new(ChatRole.User, "Q"), new(ChatRole.Assistant, "two")];

        var (_, learned, taught) = Learned(template, turns);

        Assert.Equal(expected.Select(text => text + End), learned);
        Assert.Equal(leftOut, taught.LeftOut);
    }

    [Fact]
    public void A_template_that_asks_for_answers_in_another_way_teaches_nothing()
    {
        var template = Turns.Replace("[assistant]{% endif", "[assistant]<think>{% endif", StringComparison.Ordinal);

        var (_, learned, taught) = Learned(template, Conversation);

        Assert.Empty(learned);
        Assert.Equal(2, taught.LeftOut);
    }

    [Fact]
    public void Too_long_a_conversation_loses_its_first_turns_and_keeps_the_system()
    {
        var whole = Learned(Turns, Conversation).Ids.Length;

        var (ids, learned, taught) = Learned(Turns, Conversation, whole);
        Assert.Equal((2, false), (learned.Count, taught.IsCut));
        (ids, learned, taught) = Learned(Turns, Conversation, whole - 1);
        Assert.Equal(["two" + End], learned);
        Assert.Equal($"{Begin}[system]be{End}\n[user]more{End}\n[assistant]two{End}", Text(ids));
        Assert.Equal((true, false), (taught.IsCut, taught.AnswerIsCut));
        Assert.False(Learned(Turns, Conversation, ids.Length).Taught.AnswerIsCut);
        (ids, learned, taught) = Learned(Turns, Conversation, ids.Length - 1);
        Assert.Equal(["two"], learned);
        Assert.Equal((true, true), (taught.IsCut, taught.AnswerIsCut));
        Assert.Empty(Learned(Turns, Conversation, 8).Learned);
    }

    [Fact]
    public void Of_many_turns_as_many_stay_as_fit()
    {
        ChatTurn[] turns = [.. Enumerable.Range(0, 200).Select(i => new ChatTurn(i % 2 == 0 ? ChatRole.User : ChatRole.Assistant, $"{i}"))];
        var encoder = new ConversationEncoder(ChatTemplate.FromJinja(Turns), Tokenizer, 300);

        var taught = encoder.ForTraining(turns);
        var (prompt, isCut) = encoder.ForAnswer(turns, 100);

        Assert.True(taught.IsCut && isCut);
        Assert.InRange(taught.Ids.Length, 250, 300);
        Assert.InRange(prompt.Length, 150, 200);
        Assert.EndsWith($"[user]198{End}\n[assistant]", Text(prompt), StringComparison.Ordinal);
        Assert.StartsWith($"{Begin}[user]", Text(prompt), StringComparison.Ordinal);
    }

    [Fact]
    public void Built_in_templates_teach_what_they_ask_for()
    {
        foreach (var template in new[] { ChatTemplate.Llama2, ChatTemplate.Of(new PromptTemplate("Q: {instruction}", "A: ")) })
        {
            var taught = template.Teach(Conversation[..5], Tokenizer);
            var text = taught.Text.ToString();

            Assert.Equal(2, taught.Answers.Count);
            for (var i = 0; i < 2; i++)
            {
                var (start, end) = taught.Answers[i];
                Assert.Equal(template.Render(Conversation[..(2 + 2 * i)], Tokenizer).ToString(), text[..start]);
                Assert.EndsWith("</s>", text[start..end], StringComparison.Ordinal);
                Assert.Contains(Conversation[2 + 2 * i].Text.Trim(), text[start..end], StringComparison.Ordinal);
                Assert.Equal(Tokenizer.EndOfSequence, Tokenizer.Encode(taught.Text.Prefix(end), false)[^1]);
            }
        }
    }

    private static ChatTurn Turn(string text) => new(new ChatRole(text[..text.IndexOf(' ')]), text[(text.IndexOf(' ') + 1)..]);

    private static string Text(IEnumerable<int> ids) => Tokenizer.Decode(ids, skipSpecialTokens: false);

    private static (int[] Ids, List<string> Learned, TaughtConversation Taught) Learned(string template, ChatTurn[] turns, int maxTokens = 1000)
    {
        var taught = new ConversationEncoder(ChatTemplate.FromJinja(template), Tokenizer, maxTokens).ForTraining(turns);
        return (taught.Ids, [.. taught.Answers.Select(range => Text(taught.Ids[range.Start..range.End]))], taught);
    }
}
