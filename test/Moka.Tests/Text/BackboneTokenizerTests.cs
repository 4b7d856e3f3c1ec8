using System.Text;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Text.Tokenizers;
using Microsoft.ML.Moka.Text.Tokenizers.Expressions;

namespace Microsoft.ML.Moka.Tests.Text;

public class BackboneTokenizerTests
{
    public static TheoryData<string> Forms => ["SentencePiece", "Tiktoken", "tokenizer.json"];

    [Theory]
    [MemberData(nameof(Forms))]
    public void Decoding_gives_back_the_text(string form)
    {
        var tokenizer = SmallTokenizers.ByName(form);
        Check(Prop.ForAll(Texts(), text => tokenizer.Decode(tokenizer.Encode(text, addBeginOfSequence: true)) == text));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Every_id_is_within_the_vocabulary(string form)
    {
        var tokenizer = SmallTokenizers.ByName(form);
        Check(Prop.ForAll(Texts(), text => tokenizer.Encode(text, true).All(id => id >= 0 && id < tokenizer.VocabularySize)));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Begin_of_sequence_is_put_first_on_demand(string form)
    {
        var tokenizer = SmallTokenizers.ByName(form);
        Assert.Equal([tokenizer.BeginOfSequence!.Value, .. tokenizer.Encode("the end", false)], tokenizer.Encode("the end", true));
        Assert.Equal([tokenizer.BeginOfSequence!.Value], tokenizer.Encode("", true));
        Assert.Empty(tokenizer.Encode("", false));
        Assert.True(tokenizer.StartsWithBeginOfSequence);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Half_a_surrogate_pair_is_encoded_as_the_replacement_character(string form)
    {
        var tokenizer = SmallTokenizers.ByName(form);
        Assert.Equal(tokenizer.Encode("a\uFFFDb", false), tokenizer.Encode("a\uD83Db", false));
        Assert.Equal(tokenizer.Encode("\uFFFD", false), tokenizer.Encode("\uDE00", false));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void A_long_text_without_a_blank_is_encoded_in_whole(string form)
    {
        var tokenizer = SmallTokenizers.ByName(form);
        foreach (var word in (ReadOnlySpan<string>)["a", "thing", "😀", "!"])
        {
            var text = string.Concat(Enumerable.Repeat(word, 100_000 / word.Length));
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text, false)));
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void The_kept_files_make_the_same_tokenizer_again(string form)
    {
        var tokenizer = SmallTokenizers.ByName(form);
        using var folder = new TemporaryFolder();
        foreach (var (name, content) in tokenizer.Files)
            File.WriteAllBytes(folder.File(name), content);
        var again = BackboneTokenizer.Load(folder.Path);
        Assert.Equal(tokenizer.Fingerprint, again.Fingerprint);
        Assert.Equal(tokenizer.Encode("and the thing", true), again.Encode("and the thing", true));
        Assert.Equal(tokenizer.EndOfSequence, again.EndOfSequence);
    }

    [Fact]
    public void Byte_level_merges_follow_the_definition()
    {
        var ranks = SmallTokenizers.ByteTokens().Index().ToDictionary(pair => Encoding.Latin1.GetString(pair.Item), pair => pair.Index);
        int? Rank(string token) => ranks.TryGetValue(token, out var rank) ? rank : null;
        var tiktoken = SmallTokenizers.ByName("Tiktoken");
        var json = SmallTokenizers.ByName("tokenizer.json");
        Check(Prop.ForAll(Texts(), text =>
        {
            var expected = Pieces(text).SelectMany(piece => Rank(NaivePairMerging.Bytes(piece)) is { } whole
                ? [whole] : NaivePairMerging.Encode(NaivePairMerging.Bytes(piece).Select(value => value.ToString()), Rank)).ToArray();
            return tiktoken.Encode(text, false).SequenceEqual(expected) && json.Encode(text, false).SequenceEqual(expected);
        }));
    }

    [Fact]
    public void SentencePiece_merges_follow_the_definition()
    {
        const int FirstMerged = 259;
        var pieces = SmallTokenizers.Merged.Where(text => text.Length > 1).ToList();
        var characters = "abcdefghijklmnopqrstuvwxyz !é.,0123日本";
        int? Rank(string piece) => pieces.IndexOf(piece) is var merged and >= 0 ? FirstMerged + merged
            : piece.Length == 1 && characters.IndexOf(piece[0]) is var single and >= 0 ? FirstMerged + pieces.Count + single
            : null;
        var tokenizer = SmallTokenizers.ByName("SentencePiece");
        Check(Prop.ForAll(Texts(), text =>
        {
            // A character that is no piece can be a part of one; what is left of such becomes its bytes.
            var parts = NaivePairMerging.Merge((text.Length > 0 ? " " + text : "").EnumerateRunes().Select(rune => rune.ToString()), Rank);
            var expected = parts.SelectMany(part => Rank(part) is { } id ? [id] : Encoding.UTF8.GetBytes(part).Select(value => 3 + value));
            return tokenizer.Encode(text, false).SequenceEqual(expected);
        }));
    }

    [Fact]
    public void SentencePiece_merges_the_first_of_equal_pairs_first()
        => Assert.Equal(["▁", "!!", "!!", "!"], Names(SmallTokenizers.SentencePiece(), "!!!!!"));

    [Fact]
    public void Control_pieces_of_SentencePiece_are_tokens_of_templates_and_text_of_rows()
    {
        var tokenizer = SmallTokenizers.Load(SmallTokenizers.SentencePiece(pieces =>
            pieces.AddRange([("</", -50, 1), ("s>", -51, 1), ("<", -52, 1), ("/", -53, 1), (">", -54, 1)])));
        var ids = tokenizer.Encode(new MarkedText().Plain("a</s>"), false);
        Assert.DoesNotContain(tokenizer.EndOfSequence, ids);
        Assert.Equal("a</s>", tokenizer.Decode(ids));
        Assert.Equal([1, .. tokenizer.Encode("a", false), 2], tokenizer.Encode("<s>a</s>", false));
    }

    [Fact]
    public void A_template_that_names_the_begin_of_sequence_has_it_once()
    {
        foreach (var (form, name) in new[] { ("SentencePiece", "<s>"), ("Tiktoken", SmallTokenizers.BeginOfText),
            ("tokenizer.json", SmallTokenizers.BeginOfText) })
        {
            var tokenizer = SmallTokenizers.ByName(form);
            Assert.Equal(tokenizer.Encode($"{name}the", false), tokenizer.Encode($"{name}the", true));
            Assert.Equal(1, tokenizer.Encode($"{name}the", true).Count(id => id == tokenizer.BeginOfSequence));
            // What a row says is text, and does not stand for the token.
            Assert.Equal(tokenizer.BeginOfSequence, tokenizer.Encode(new MarkedText().Plain(name), true)[0]);
            Assert.Equal(1, tokenizer.Encode(new MarkedText().Plain(name), true).Count(id => id == tokenizer.BeginOfSequence));
        }
    }

    [Fact]
    public void SentencePiece_that_removes_extra_spaces_keeps_single_ones()
    {
        var tokenizer = SmallTokenizers.Load(SmallTokenizers.SentencePiece(removeExtraSpaces: true));
        Assert.Equal(tokenizer.Encode("a the", false), tokenizer.Encode("  a   the ", false));
        Assert.Equal("a", tokenizer.Decode(tokenizer.Encode("a", false)));
        Assert.Empty(tokenizer.Encode("   ", false));
    }

    [Fact]
    public void SentencePiece_with_pieces_across_words_merges_them()
    {
        var files = SmallTokenizers.SentencePiece(pieces => pieces.InsertRange(259, [("a\u2581b", 1, 1), ("a\u2581", 2, 1)]));
        Assert.Equal(["▁", "a▁b"], Names(files, "a b"));
    }

    [Theory]
    [InlineData("Tiktoken")]
    [InlineData("tokenizer.json")]
    public void Names_of_special_tokens_are_those_tokens(string form)
    {
        var tokenizer = SmallTokenizers.ByName(form);
        Assert.Equal(
            [tokenizer.BeginOfSequence!.Value, .. tokenizer.Encode("the", false), tokenizer.EndOfSequence, .. tokenizer.Encode(" and", false)],
            tokenizer.Encode($"{SmallTokenizers.BeginOfText}the{SmallTokenizers.EndOfText} and", false));
        Assert.Equal("the and", tokenizer.Decode(tokenizer.Encode($"the{SmallTokenizers.EndOfText} and", true)));
    }

    [Fact]
    public void Of_two_special_tokens_that_start_alike_the_longer_is_meant()
    {
        var files = SmallTokenizers.ByteLevel(json =>
        {
            json["added_tokens"]!.AsArray().Add(new JsonObject { ["id"] = 900, ["content"] = "<x" });
            json["added_tokens"]!.AsArray().Add(new JsonObject { ["id"] = 901, ["content"] = "<xy>" });
        });
        var tokenizer = SmallTokenizers.Load(files);
        Assert.Equal([900, .. tokenizer.Encode("z", false), 901], tokenizer.Encode("<xz<xy>", false));
        Assert.Equal(902, tokenizer.VocabularySize);
    }

    [Fact]
    public void Llama3_special_tokens_follow_the_ranks()
    {
        var tokenizer = SmallTokenizers.ByName("Tiktoken");
        var ranks = SmallTokenizers.ByteTokens().Count();
        Assert.Equal(ranks, tokenizer.BeginOfSequence);
        Assert.Equal(ranks + 1, tokenizer.EndOfSequence);
        Assert.Equal([ranks + 9, ranks + 11, ranks + 255], tokenizer.Encode("<|eot_id|><|reserved_special_token_2|><|reserved_special_token_246|>", false));
        Assert.Equal(ranks + 256, tokenizer.VocabularySize);
    }

    [Fact]
    public void Merges_may_be_texts_or_pairs()
    {
        var texts = SmallTokenizers.Load(SmallTokenizers.ByteLevel());
        var pairs = SmallTokenizers.Load(SmallTokenizers.ByteLevel(mergesAsPairs: true));
        Check(Prop.ForAll(Texts(), text => texts.Encode(text, false).SequenceEqual(pairs.Encode(text, false))));
    }

    [Fact]
    public void A_whole_piece_wins_over_its_merges_only_where_the_file_says_so()
    {
        // The merges of "ther" stop at "th" and "er", for "the" is not there to be merged further.
        static void Change(JsonObject json) => json["model"]!["vocab"]!["ther"] = 800;
        Assert.Equal([800], SmallTokenizers.Load(SmallTokenizers.ByteLevel(Change)).Encode("ther", false));
        Assert.NotEqual([800], SmallTokenizers.Load(SmallTokenizers.ByteLevel(Change, ignoreMerges: false)).Encode("ther", false));
    }

    [Fact]
    public void Begin_and_end_are_found_by_name_then_by_id()
    {
        var files = SmallTokenizers.ByteLevel();
        files.Remove("tokenizer_config.json");
        var (begin, end) = (SmallTokenizers.ByteTokens().Count(), SmallTokenizers.ByteTokens().Count() + 1);

        var byId = SmallTokenizers.Load(files.With("config.json", $$"""{"bos_token_id": {{begin}}, "eos_token_id": [{{end}}, 7]}"""));
        Assert.Equal((begin, end), (byId.BeginOfSequence, byId.EndOfSequence));
        Assert.Equal([end, 7], byId.EndsOfSequence);

        var byName = SmallTokenizers.Load(files.With("config.json", """{"eos_token_id": 7}""").With("generation_config.json", """{"eos_token_id": 8}""")
            .With("tokenizer_config.json", $$"""{"bos_token": null, "add_bos_token": false, "eos_token": "{{SmallTokenizers.EndOfText}}"}"""));
        Assert.Equal([end, 8, 7], byName.EndsOfSequence);
        Assert.Null(byName.BeginOfSequence);
        Assert.False(byName.StartsWithBeginOfSequence);
        Assert.Throws<InvalidOperationException>(() => byName.Encode("a", addBeginOfSequence: true));
        Assert.NotEqual(byId.Fingerprint, byName.Fingerprint);
    }

    [Fact]
    public void Add_bos_token_decides_whether_sequences_start_with_it()
    {
        var config = $$"""{"bos_token": "{{SmallTokenizers.BeginOfText}}", "eos_token": "{{SmallTokenizers.EndOfText}}", "add_bos_token": false}""";
        var tokenizer = SmallTokenizers.Load(SmallTokenizers.ByteLevel().With("tokenizer_config.json", config));
        Assert.False(tokenizer.StartsWithBeginOfSequence);
        Assert.NotNull(tokenizer.BeginOfSequence);
    }

    [Fact]
    public void The_tokenizer_model_is_read_where_both_files_are_there_and_of_the_other_its_added_tokens()
    {
        var same = SmallTokenizers.Load(SmallTokenizers.SentencePiece().With("tokenizer.json",
            """{"added_tokens": [{"id": 1, "content": "<s>", "special": true}], "model": 7}"""));
        Assert.Equal(SmallTokenizers.ByName("SentencePiece").Fingerprint, same.Fingerprint);
        Assert.DoesNotContain("tokenizer.json", same.Files.Keys);

        var end = SmallTokenizers.ByName("SentencePiece").VocabularySize;
        var more = SmallTokenizers.Load(SmallTokenizers.SentencePiece().With("tokenizer.json",
            $$"""{"added_tokens": [{"id": {{end}}, "content": "<|end|>", "special": true}]}"""));
        Assert.Equal(end, more.Encode("the<|end|>", false)[^1]);
        Assert.Equal(end + 1, more.VocabularySize);
        Assert.Contains("tokenizer.json", more.Files.Keys);
    }

    [Fact]
    public void One_tokenizer_serves_many_threads()
    {
        foreach (var form in new[] { "SentencePiece", "Tiktoken", "tokenizer.json" })
        {
            var tokenizer = SmallTokenizers.ByName(form);
            var texts = Enumerable.Range(0, 200).Select(i => $"the {i} and anything, né {i * i}!").ToArray();
            var expected = texts.Select(text => tokenizer.Encode(text, true)).ToArray();
            var fresh = SmallTokenizers.ByName(form);
            Parallel.For(0, texts.Length, i => Assert.Equal(expected[i], fresh.Encode(texts[i], true)));
        }
    }

    /// <summary>Texts of syllables that merge, blanks, digits, and characters of two to four bytes.</summary>
    internal static Arbitrary<string> Texts() => Arb.From(
        Gen.Elements("t", "h", "e", "th", "the", "ing", "er", "an", "and", "a", "aaa", "!", "!!!", " ", "  ", "\n", "\n\n", ".", "\t", "é", "n", "1", "2", "3",
            "12", "日", "本", "😀", "𝓗", "'s", "Ж", "\u2009")
            .ListOf().Select(string.Concat));

    private static IEnumerable<string> Pieces(string text)
    {
        var pieces = new PieceList(text, isAtStart: true);
        new PreTokenizer.Split(new Expression(PreTokenizer.Llama3Pattern), PreTokenizer.Behavior.Isolated).Apply(pieces);
        return pieces.Pieces.Select(piece => text[piece.Start..piece.End]);
    }

    private static void Check(Property property) => FsCheck.Check.One(Properties.Settings, property);

    private static IEnumerable<string> Names(Dictionary<string, byte[]> files, string text)
    {
        var tokenizer = SmallTokenizers.Load(files);
        return tokenizer.Encode(text, false).Select(id => tokenizer.NameOf(id)!);
    }
}
