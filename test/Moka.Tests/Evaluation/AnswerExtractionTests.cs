using Microsoft.ML.Moka.Evaluation.Protocols;

namespace Microsoft.ML.Moka.Tests.Evaluation;

/// <summary>Checked by hand against extract_answer of LLM-Adapters' commonsense_evaluate.py.</summary>
public class AnswerExtractionTests
{
    [Theory]
    [InlineData("BoolQ", "the correct answer is true", "true")]
    [InlineData("BoolQ", "untrue, I would say false", "true")]
    [InlineData("BoolQ", "True", null)]
    [InlineData("BoolQ", "yes", null)]
    [InlineData("PIQA", "solution2 is better than solution1", "solution2")]
    [InlineData("PIQA", "solution3", null)]
    [InlineData("SIQA", "the correct answer is answer3", "answer3")]
    [InlineData("ARC-c", "not answer1 but answer4", "answer1")]
    [InlineData("ARC-e", "answer5answer2", "answer5")]
    [InlineData("OBQA", "Answer1", null)]
    [InlineData("OBQA", "answer12", "answer1")]
    [InlineData("HellaSwag", "\n  ending4\nending1", "ending4")]
    [InlineData("HellaSwag", "answer1", null)]
    [InlineData("WinoGrande", "option 1", null)]
    [InlineData("WinoGrande", "option2/option1", "option2")]
    [InlineData("WinoGrande", "", null)]
    public void TheFirstWordOfTheTaskIsTheAnswer(string task, string output, string? answer) =>
        Assert.Equal(answer, AnswerExtraction.First(AnswerExtraction.Response(output), BenchmarkTask.Find(task)!.AnswerWords));

    [Theory]
    [InlineData("  the correct answer is true \n", "the correct answer is true")]
    [InlineData("maybe\n\n### Response:\n true", "maybe")]
    [InlineData("### Response: true", "")]
    public void WhatFollowsAnotherResponseMarkDoesNotCount(string output, string response) =>
        Assert.Equal(response, AnswerExtraction.Response(output));

    [Fact]
    public void OfTwoWordsAtOnePlaceTheLongerIsMeant() =>
        Assert.Equal("good enough", AnswerExtraction.First("a good enough start", ["good", "good enough", "start"]));
}
