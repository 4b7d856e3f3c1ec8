namespace Microsoft.ML.Moka.Cli.Tests;

public sealed class GenerateTests(Samples samples)
{
    [Fact]
    public void ABackboneGoesOnFromAPrompt()
    {
        var argument = Tool.Run("generate", "What is the bell made of?", "--max-tokens", "8").Succeeded();
        var input = Tool.Run("What is the bell made of?\n", ["generate", "--max-tokens", "8"]).Succeeded();

        Assert.NotEqual("", argument.Out.Trim());
        Assert.Equal(argument.Out, input.Out);
    }

    [Fact]
    public void SeedAndTemperatureDecideWhatIsDrawn()
    {
        string Drawn(string seed) =>
            Tool.Run("generate", "The", "--temperature", "2", "--top-p", "0.9", "--top-k", "50", "--seed", seed, "--max-tokens", "12", "--json")
                .Succeeded().Json.GetProperty("text").GetString()!;

        Assert.Equal(Drawn("1"), Drawn("1"));
        Assert.NotEqual(Drawn("1"), Drawn("2"));
    }

    [Fact]
    public void WithoutASeedEachTextIsDrawnAnewAndItsSeedWritesItAgain()
    {
        string[] asked = ["generate", "The", "--temperature", "2", "--frequency-penalty", "1", "--presence-penalty", "0.5", "--max-tokens", "12", "--json"];

        var (first, second) = (Tool.Run(asked).Succeeded().Json, Tool.Run(asked).Succeeded().Json);

        Assert.NotEqual(first.GetProperty("text").GetString(), second.GetProperty("text").GetString());
        Assert.Equal(1, first.GetProperty("frequencyPenalty").GetDouble());
        Assert.Equal(0.5, first.GetProperty("presencePenalty").GetDouble());
        var again = Tool.Run([.. asked, "--seed", first.GetProperty("seed").GetRawText()]).Succeeded().Json;
        Assert.Equal(first.GetProperty("text").GetString(), again.GetProperty("text").GetString());
    }

    [Fact]
    public void ATunedModelAnswersAndStopsAtAStopWord()
    {
        var question = samples.Training[0];

        Assert.Equal(question.Label, Tool.Run("generate", question.Text, "--model", samples.Generator).Succeeded().Out.Trim());
        Assert.Equal("", Tool.Run("generate", question.Text, "--model", samples.Generator, "--stop", question.Label).Succeeded().Out.Trim());
    }

    [Fact]
    public void AConversationGoesOnLineByLine()
    {
        var run =
            Tool.Run($"{samples.Training[0].Text}\n{samples.Training[1].Text}\n\nnever read\n",
                ["generate", "--model", samples.Generator, "--chat", "--max-tokens", "6"]).Succeeded();

        var answers = run.Out.Split('\n', StringSplitOptions.TrimEntries)[..2];
        Assert.Equal(samples.Training[0].Label, answers[0]);
        Assert.Equal(3, run.Out.Split('\n').Length);
    }

    [Fact]
    public void WhatCannotBeWrittenIsSaid()
    {
        Tool.Run("generate", "x", "--model", samples.Classifier).Failed("classifies", "--task generate");
        Tool.Run("generate", "x", "--model", "nothing.zip").Failed("nothing.zip");
        Tool.Run("generate", "x", "--model", samples.Generator, "--backbone", "y").WasRefused("--backbone");
        Tool.Run("generate", "x", "--temperature", "-1").WasRefused("--temperature");
        Tool.Run("generate", "x", "--top-p", "1.5").WasRefused("--top-p");
        Tool.Run("generate", "x", "--chat").WasRefused("leave out the prompt");
        Tool.Run("generate", "x", "--template", "llama3").WasRefused("--chat");
        Tool.Run(" \n", ["generate"]).WasRefused("no prompt");
        Tool.Run("hello\n", ["generate", "--chat", "--template", "llama3"]).Failed("token");
        Assert.Equal(130, Tool.Run("", ["generate", "x"], cancellation: new CancellationToken(canceled: true)).ExitCode);
    }
}
