using System.Globalization;
using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Cli.Tests;

public sealed class PredictTests(Samples samples) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AText_AFileAndStandardInputGetTheSameLabels()
    {
        var questions = samples.HeldOut.Take(4).ToList();
        var file = _folder.Write("new.csv", "id,text\n" + string.Concat(questions.Select((question, i) => $"{i},{question.Text}\n")));

        var rows = Tool.Run("predict", "--file", file, "--model", samples.Classifier, "--json").Succeeded().Json;
        var input = string.Concat(questions.Select(question => $"{question.Text}\n\n"));
        var lines = Tool.Run(input, ["predict", "--model", samples.Classifier, "--json"]).Succeeded();
        var one = Tool.Run("predict", questions[2].Text, "--model", samples.Classifier, "--json", "--top", "2").Succeeded().Json[0];

        Assert.Equal(rows.GetRawText(), lines.Json.GetRawText());
        Assert.Equal(questions.Select(question => question.Text), rows.EnumerateArray().Select(row => row.GetProperty("text").GetString()));
        Assert.Equal(2, one.GetProperty("labels").GetArrayLength());
        Assert.Equal(rows[2].GetProperty("label").GetString(), one.GetProperty("label").GetString());
        Assert.Equal(rows[2].GetProperty("probability").GetDouble(), one.GetProperty("probability").GetDouble());
        Assert.All(rows.EnumerateArray(), row =>
        {
            var scores = row.GetProperty("labels").EnumerateArray().Select(label => label.GetProperty("probability").GetDouble()).ToList();
            Assert.Equal(1, scores.Sum(), 1e-4);
            Assert.Equal(scores.OrderDescending(), scores);
        });
        var told = Tool.Run("predict", questions[2].Text, "--model", samples.Classifier).Succeeded().Out;
        Assert.StartsWith($"{one.GetProperty("label").GetString()} ", told, StringComparison.Ordinal);
        Assert.Equal(3, told.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public void AFileIsWrittenThatIsReadAgain()
    {
        var texts = (string[])["What, if \"any\", is the bell made of?", "What is\nthe pot made of?"];
        var file = _folder.Write("new.csv", "text\n" + string.Concat(texts.Select(text => $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"\n")));
        var output = _folder.File("scored.csv");

        Tool.Run("predict", "--file", file, "--model", samples.Classifier, "--output", output).Succeeded();

        var table = Datasets.TableReader.Read(output);
        Assert.Equal(["text", "PredictedLabel", "Probability"], table.Columns.Take(3));
        Assert.Equal(texts, table.Rows.Select(row => row.Values[0]));
        Assert.All(table.Rows, row => Assert.Equal(row.Values[2], row.Values[table.Find($"Score.{row.Values[1]}")!.Value]));
        Tool.Run("predict", "--file", output, "--text-column", "text", "--model", samples.Classifier, "--output", output).Failed("'PredictedLabel'", "rename");
    }

    /// <summary>A model of a program: other names of columns, a column that has no part in it, and keys for answers.</summary>
    [Fact]
    public void AModelOfAProgramIsTaken()
    {
        var context = new MLContext(seed: 1);
        var data = context.Data.LoadFromEnumerable(Enumerable.Range(0, 4).Select(i =>
            new Ticket { Number = i, Message = $"text {i}", Kind = i % 2 == 0 ? "a" : "b" }));
        var chain = context.Transforms.Conversion.MapValueToKey("Key", "Kind")
            .Append(context.MulticlassClassification.Trainers.Moka(
                new MokaTrainer.Options { LabelColumnName = "Key", TextColumnName = "Message", NumberOfSteps = 1 }));
        using var model = chain.Fit(data);
        context.Model.Save(model, data.Schema, _folder.File("own.zip"));

        var json = Tool.Run("predict", "text 1", "--model", _folder.File("own.zip"), "--json").Succeeded().Json[0];

        Assert.Equal(["a", "b"], json.GetProperty("labels").EnumerateArray().Select(label => label.GetProperty("label").GetString()).Order());
    }

    /// <summary>A regression tells a number: there is nothing of which the likeliest could be told.</summary>
    [Fact]
    public void ARegressionOfAProgramTellsItsScore()
    {
        var context = new MLContext(seed: 1);
        var data = context.Data.LoadFromEnumerable(Enumerable.Range(0, 4).Select(i => new Offer { Message = $"text {i}", Price = 5e6f + (i * 1e7f) }));
        using var model = context.Regression.Trainers.Moka(
            new MokaRegressionTrainer.Options { LabelColumnName = "Price", TextColumnName = "Message", NumberOfSteps = 1 }).Fit(data);
        context.Model.Save(model, data.Schema, _folder.File("price.zip"));
        var scores = model.Transform(data).GetColumn<float>("Score").ToList();
        var file = _folder.Write("new.csv", "id,message\n" + string.Concat(Enumerable.Range(0, 4).Select(i => $"{i},text {i}\n")));
        string[] common = ["--model", _folder.File("price.zip")];

        var json = Tool.Run(["predict", "--file", file, "--json", .. common]).Succeeded().Json;
        Assert.Equal(scores, json.EnumerateArray().Select(row => row.GetProperty("score").GetSingle()));
        Assert.Equal(["text", "score"], json[1].EnumerateObject().Select(field => field.Name));
        var alone = Tool.Run(["predict", "text 1", .. common]).Succeeded().Out.TrimEnd();
        Assert.Equal(scores[1], float.Parse(alone, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture));
        Assert.Contains($"{alone}\ttext 1", Tool.Run(["predict", "--file", file, .. common]).Succeeded().Out, StringComparison.Ordinal);
        Tool.Run(["predict", "--file", file, "--output", _folder.File("scored.tsv"), .. common]).Succeeded();
        var table = Datasets.TableReader.Read(_folder.File("scored.tsv"));
        Assert.Equal(["id", "message", "Score"], table.Columns);
        Assert.Equal(scores, table.Rows.Select(row => float.Parse(row.Values[2]!, CultureInfo.InvariantCulture)));
        Tool.Run(["predict", "text 1", "--top", "2", .. common]).WasRefused("--top is for labels", "price.zip' tells a number");
        Tool.Run(["evaluate", file, .. common]).WasRefused("evaluate it in a program");
    }

    /// <summary>What training prints at its end is run as it is printed.</summary>
    [Theory]
    [InlineData("predict", "text,label\nis it wood here?,yes\nno more $(iron),no\n", "is it wood here?")]
    [InlineData("predict", "text,label\nno \"\"$(iron)\"\",no\nis it wood?,yes\n", "A text.")]
    [InlineData("generate", "instruction,output\nSay yes.,yes\n", "Say yes.")]
    public void TheCommandThatTrainingEndsWithRuns(string verb, string rows, string text)
    {
        var (file, model) = (_folder.Write("rows.csv", rows.Replace("\"\"", "", StringComparison.Ordinal)), _folder.File("a model.zip"));
        string[] task = verb == "generate" ? ["--task", "generate"] : [];

        var run = Tool.Run(["train", file, .. task, "--epochs", "1", "--output", model]).Succeeded();

        var printed = run.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[^1];
        Assert.Equal($"Try it: moka {verb} \"{text}\" --model \"{model}\"", printed);
        var quoted = printed["Try it: moka ".Length..].Split('"');
        Tool.Run([verb, quoted[1], "--model", quoted[3]]).Succeeded();
    }

    [Fact]
    public void WhatMakesNoSenseIsRefused()
    {
        Tool.Run("predict", "text", "--file", samples.TestFile, "--model", samples.Classifier).WasRefused("two sources");
        Tool.Run("predict", " ", "--model", samples.Classifier).WasRefused("The text is empty");
        Tool.Run("predict", "text", "--text-column", "x", "--model", samples.Classifier).WasRefused("needs --file");
        Tool.Run("predict", "text", "--output", "scored.xlsx", "--model", samples.Classifier).WasRefused(".csv or .tsv");
        Tool.Run("\n", ["predict", "--model", samples.Classifier]).WasRefused("There is no text");
        Tool.Run("predict", "text", "--model", samples.Generator).WasRefused("use moka generate");
        Tool.Run("predict", "--file", samples.TestFile, "--text-column", "other", "--model", samples.Classifier).Failed("no column 'other'");
    }

    private sealed class Offer
    {
        public string Message { get; set; } = "";

        public float Price { get; set; }
    }

    private sealed class Ticket
    {
        public int Number { get; set; }

        public string Message { get; set; } = "";

        public string Kind { get; set; } = "";
    }
}
