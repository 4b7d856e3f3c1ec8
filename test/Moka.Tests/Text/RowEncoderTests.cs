using FsCheck;
using FsCheck.Fluent;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Text;

public class RowEncoderTests
{
    private const int Enough = 10_000;

    [Theory]
    [InlineData("SentencePiece")]
    [InlineData("Tiktoken")]
    [InlineData("tokenizer.json")]
    public void Prompt_and_answer_are_the_ids_of_the_whole_text(string form)
    {
        var tokenizer = SmallTokenizers.ByName(form);
        // No blank between prompt and answer, so that they merge.
        var template = new PromptTemplate("{text}", answerPrefix: "");
        var encoder = new RowEncoder(tokenizer, template, Enough);
        var words = BackboneTokenizerTests.Texts().Generator.Where(word => word.Length > 0);
        FsCheck.Check.One(Properties.Settings, Prop.ForAll(
            BackboneTokenizerTests.Texts(), Gen.NonEmptyListOf(words).ToArbitrary(), (text, answers) =>
            {
                var row = encoder.ForScoring(new PromptRow(text, []), answers);
                var prompt = tokenizer.Encode(text, true);
                int[] end = answers.Index().Any(a => answers.Index().Any(b => a.Index != b.Index && b.Item.StartsWith(a.Item, StringComparison.Ordinal)))
                    ? [tokenizer.EndOfSequence]
                    : [];
                return !row.PromptIsCut && row.Prompt.Length > 0 && prompt.AsSpan().StartsWith(row.Prompt) && row.Answers.Length == answers.Count
                    && answers.Zip(row.Answers).All(pair => pair.Second.Length > 0
                        && tokenizer.Encode(text + pair.First, true).Concat(end).SequenceEqual([.. row.Prompt, .. pair.Second]));
            }));
    }

    [Fact]
    public void Tokens_that_merge_across_the_border_belong_to_the_answer()
    {
        var tokenizer = SmallTokenizers.ByName("Tiktoken");
        var encoder = new RowEncoder(tokenizer, new PromptTemplate("{text}", answerPrefix: ""), Enough);
        var row = encoder.ForScoring(new PromptRow("an t", []), ["he", "x"]);
        // " t" + "he" is the token " the", so the prompt ends before " t", for the other answer too.
        Assert.Equal(tokenizer.Encode("an", true), row.Prompt);
        Assert.Equal(tokenizer.Encode(" the", false), row.Answers[0]);
        Assert.Equal(tokenizer.Encode(" tx", false), row.Answers[1]);
    }

    [Fact]
    public void Tokens_of_the_prompts_text_alone_belong_to_it_however_they_are_cut()
    {
        var tokenizer = SmallTokenizers.ByName("Tiktoken");
        var encoder = new RowEncoder(tokenizer, new PromptTemplate("{text}", answerPrefix: ""), Enough);
        foreach (var (text, answers) in (ReadOnlySpan<(string, string[])>)[("an t", ["he", "x"]), ("the  ", ["the", "thing"]), ("a    ", ["the", "and"])])
        {
            var row = encoder.ForScoring(new PromptRow(text, []), answers);
            var wholes = answers.Select(answer => tokenizer.Encode(text + answer, true)).ToArray();
            Assert.All(wholes.Zip(row.Answers), pair => Assert.Equal<int>(pair.First, row.Prompt.Concat(pair.Second)));
            // The longest part that all share and that has nothing of an answer.
            int Bytes(IEnumerable<int> ids) => ids.Sum(id => tokenizer.BytesOf(id).Length);
            var most = Enumerable.Range(0, wholes.Min(whole => whole.Length)).Last(count =>
                wholes.All(whole => whole.AsSpan(0, count).SequenceEqual(wholes[0].AsSpan(0, count)))
                && Bytes(wholes[0][..count]) <= Bytes(tokenizer.Encode(text, true)));
            Assert.Equal(most, row.Prompt.Length);
        }
    }

    [Fact]
    public void Answers_that_begin_one_another_end_with_the_end_of_sequence()
    {
        var tokenizer = SmallTokenizers.ByName("tokenizer.json");
        var encoder = new RowEncoder(tokenizer, PromptTemplate.Classification, Enough);
        var row = new PromptRow("the rain", ["the rain", "b", "the"]);
        Assert.Equal(tokenizer.EndOfSequence, encoder.ForTraining(row, "b").Ids[^1]);
        Assert.All(encoder.ForScoring(row, row.Candidates).Answers, answer => Assert.Equal(tokenizer.EndOfSequence, answer[^1]));
    }

    [Fact]
    public void Training_learns_what_scoring_compares()
    {
        var tokenizer = SmallTokenizers.ByName("tokenizer.json");
        var encoder = new RowEncoder(tokenizer, PromptTemplate.Classification, Enough);
        var row = new PromptRow("the rain", ["a", "b"]);
        var training = encoder.ForTraining(row, "b");
        Assert.Equal(tokenizer.Encode("the rain\nOptions: a, b\nAnswer: b", true), training.Ids);
        Assert.Equal(training.Ids[training.AnswerStart..], encoder.ForScoring(row, row.Candidates).Answers[1]);
        Assert.Equal(tokenizer.Encode("the rain\nOptions: a, b\nAnswer:", true).Length, training.AnswerStart);
        Assert.False(training.PromptIsCut);
        Assert.Equal(training.Ids[..training.AnswerStart], encoder.ForScoring(row, row.Candidates).Prompt);
    }

    [Fact]
    public void A_prompt_that_is_too_long_keeps_its_first_token_and_its_end()
    {
        const int Most = 20;
        var tokenizer = SmallTokenizers.ByName("Tiktoken");
        var encoder = new RowEncoder(tokenizer, PromptTemplate.Classification, Most);
        var row = new PromptRow(string.Concat(Enumerable.Repeat("the thing ", 30)), ["in", "the and"]);
        var scoring = encoder.ForScoring(row, row.Candidates);
        var whole = tokenizer.Encode(PromptTemplate.Classification.Render(row), true);
        Assert.True(scoring.PromptIsCut);
        Assert.Equal(Most - 1, scoring.Prompt.Length + scoring.Answers.Max(answer => answer.Length));
        Assert.Equal([whole[0], .. whole[^(scoring.Prompt.Length - 1)..]], scoring.Prompt);

        var training = encoder.ForTraining(row, "in");
        Assert.True(training.PromptIsCut);
        Assert.Equal(Most - 1, training.Ids.Length);
        Assert.Equal(tokenizer.Encode(" in", false), training.Ids[training.AnswerStart..]);
    }

    [Fact]
    public void Without_begin_of_sequence_the_end_of_a_cut_prompt_is_kept_alone()
    {
        var files = SmallTokenizers.ByteLevel().With("tokenizer_config.json", $$"""{"add_bos_token": false, "eos_token": "{{SmallTokenizers.EndOfText}}"}""");
        var tokenizer = SmallTokenizers.Load(files);
        var row = new RowEncoder(tokenizer, PromptTemplate.Plain, 6).ForScoring(new PromptRow("0123456789", []), ["a"]);
        Assert.Equal(tokenizer.Encode("789", false), row.Prompt[^3..]);
        Assert.DoesNotContain(tokenizer.EndOfSequence, row.Prompt);
        // Nothing to predict the answer from but what stands between texts.
        Assert.Equal([tokenizer.EndOfSequence], new RowEncoder(tokenizer, PromptTemplate.Plain, 6).ForScoring(new PromptRow("", []), ["a"]).Prompt);
    }

    [Fact]
    public void An_answer_that_leaves_no_room_is_refused()
    {
        var encoder = new RowEncoder(SmallTokenizers.ByName("Tiktoken"), PromptTemplate.Plain, 8);
        var failure = Assert.Throws<ArgumentException>(() => encoder.ForScoring(new PromptRow("the", []), ["0123456789xyz"]));
        Assert.Contains("Raise the maximum length", failure.Message);
        Assert.Contains("is empty", Assert.Throws<ArgumentException>(() => encoder.ForScoring(new PromptRow("the", []), ["a", ""])).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => encoder.ForScoring(new PromptRow("the", []), []));
    }

    [Fact]
    public void A_continuation_that_leaves_no_room_counts_by_its_beginning()
    {
        var tokenizer = SmallTokenizers.ByName("Tiktoken");
        var encoder = new RowEncoder(tokenizer, PromptTemplate.Plain.WithAnswerPrefix(""), 8);

        var row = encoder.ForContinuing(new PromptRow("x", []), ["0123456789", "01"]);

        Assert.Equal([tokenizer.Encode("0123456789", false)[..6], tokenizer.Encode("01", false)], row.Answers);
        Assert.True(row.PromptIsCut);
        Assert.False(encoder.ForContinuing(new PromptRow("x", []), ["012345"]).PromptIsCut);
    }
}
