using EverydayWorld;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Pretraining;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Pretraining;

public class TokenizerTrainingTests
{
    private static readonly World Default = new();
    private static readonly BackboneTokenizer Tokenizer = Train(new Recipe().Merges);

    internal static BackboneTokenizer Train(int merges) =>
        BackboneTokenizer.Load(new MemoryFiles("trained", TokenizerFiles.Make(BytePairTrainer.Train(Recipe.TokenizerTexts(Default), merges))));

    [Fact]
    public void The_most_frequent_pair_of_different_words_is_merged_first()
    {
        var merges = BytePairTrainer.Train(["abx", "abcx", "zab", "cd cd cd cd cd"], 2);

        Assert.Equal([("a", "b"), ("c", "d")], merges);
    }

    [Fact]
    public void Training_is_deterministic() =>
        Assert.Equal(BytePairTrainer.Train(Recipe.TokenizerTexts(Default), 100), BytePairTrainer.Train(Recipe.TokenizerTexts(new World()), 100));

    [Fact]
    public void Names_values_and_answers_are_whole_tokens()
    {
        foreach (var word in Default.Things.Select(thing => thing.Name).Concat(Relation.All.SelectMany(relation => relation.Values)))
            Assert.Single(Tokenizer.Encode(" " + word, addBeginOfSequence: false));
        Assert.Equal(Tokenizer.Encode(" answer1", false)[..^1], Tokenizer.Encode(" answer2", false)[..^1]);
        Assert.NotEqual(Tokenizer.Encode(" answer1", false)[^1], Tokenizer.Encode(" answer2", false)[^1]);
    }

    [Theory]
    [InlineData("What is the kettle made of?\nOptions: wood, metal\nAnswer:")]
    [InlineData("Grüße, 你好 🙂\t\r\n\r\n  ende 12345")]
    [InlineData("\u0000\u001f\u007f")]
    public void Any_text_comes_back(string text) => Assert.Equal(text, Tokenizer.Decode(Tokenizer.Encode(text, addBeginOfSequence: true)));

    [Fact]
    public void A_text_starts_with_the_begin_token()
    {
        Assert.True(Tokenizer.StartsWithBeginOfSequence);
        Assert.Equal(Tokenizer.BeginOfSequence, Tokenizer.Encode("x", addBeginOfSequence: true)[0]);
        Assert.NotEqual(Tokenizer.BeginOfSequence, Tokenizer.EndOfSequence);
    }
}
