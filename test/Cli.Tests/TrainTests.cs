using System.Text;
using System.Text.Json;
using EverydayWorld;

namespace Microsoft.ML.Moka.Cli.Tests;

public sealed class TrainTests(Samples samples) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AFileOfTextsAndLabelsBecomesAModelThatAnyProgramLoads()
    {
        var test = samples.ClassifierRun.Json.GetProperty("test");

        Assert.True(test.GetProperty("microAccuracy").GetDouble() > 2 * test.GetProperty("mostFrequentLabel").GetDouble(), samples.ClassifierRun.Out);
        Assert.Equal(samples.HeldOut.Count, test.GetProperty("rows").GetInt32());
        var context = new MLContext();
        var model = context.Model.Load(samples.Classifier, out var schema);
        Assert.Equal(["Text", "Label"], schema.Select(column => column.Name));
        using var engine = context.Model.CreatePredictionEngine<Question, Answer>(model);
        var question = samples.Training[0];
        Assert.Equal(question.Label, engine.Predict(new Question { Text = question.Text }).PredictedLabel);
    }

    [Fact]
    public void HeldOutMetricsAreShownForPeople()
    {
        var run = Tool.Run("train", samples.TrainFile, "--epochs", "1", "--test", samples.TestFile, "--output", _folder.File("model.zip")).Succeeded();

        Assert.Contains("Accuracy", run.Out, StringComparison.Ordinal);
        Assert.Contains("true \\ predicted", run.Out, StringComparison.Ordinal);
        Assert.Contains($"Saved {_folder.File("model.zip")}", run.Out, StringComparison.Ordinal);
        Assert.Contains("loss", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', run.Out + run.Error);
    }

    [Fact]
    public void TheFormOfTheFileDoesNotMatter()
    {
        var rows = samples.Training.Take(20).ToList();
        var csv = Adapter("a.csv", string.Concat(rows.Select(row => $"\"{row.Text}\",{row.Label}\r\n").Prepend("text,label\r\n")));

        Assert.Equal(csv, Adapter("b.csv", "\uFEFF" + string.Concat(rows.Select(row => $"{row.Label};{row.Text}\n").Prepend("Label;Text\n"))));
        Assert.Equal(csv, Adapter("c.tsv", string.Concat(rows.Select(row => $"{row.Text}\t{row.Label}\n").Prepend("text\tlabel\n"))));
        Assert.Equal(csv, Adapter("d.json", JsonSerializer.Serialize(rows.Select(row => new { label = row.Label, other = 1, text = row.Text }))));
        Assert.Equal(
            csv, Adapter("e.jsonl", string.Join('\n', rows.Select(row => JsonSerializer.Serialize(new { body = row.Text, kind = row.Label }))), "--text-column",
                "body", "--label-column", "kind"));
        Assert.NotEqual(csv, Adapter("f.csv", string.Concat(rows.Skip(1).Select(row => $"{row.Text},{row.Label}\n").Prepend("text,label\n"))));

        string Adapter(string name, string content, params string[] args)
        {
            Tool.Run(["train", _folder.Write(name, content), "--epochs", "1", "--output", _folder.File("m.zip"), .. args]).Succeeded();
            Tool.Run("export", _folder.File("m.zip"), "--output", _folder.File("adapter")).Succeeded();
            return Convert.ToBase64String(File.ReadAllBytes(Path.Combine(_folder.File("adapter"), "adapter_model.safetensors")));
        }
    }

    /// <summary>A folder as Hugging Face's hub has data sets, with classes as numbers: train, evaluate and predict take each its own split.</summary>
    [Fact]
    public void AFolderOfADataSetIsTrainedEvaluatedAndPredicted()
    {
        var labels = samples.Training.Concat(samples.HeldOut).Select(row => row.Label).Distinct().ToList();
        foreach (var (split, rows) in new[] { ("train", samples.Training.Take(40)), ("test", samples.HeldOut.Take(8)) })
            _folder.Write($"set/data/{split}.jsonl", string.Concat(rows.Select(
                row => JsonSerializer.Serialize(new { text = row.Text, label = labels.IndexOf(row.Label) }) + "\n")));
        _folder.Write("set/dataset_infos.json", JsonSerializer.Serialize(
            new { config = new { features = new { label = new { names = labels, _type = "ClassLabel" } } } }));
        var (set, model) = (_folder.File("set"), _folder.File("model.zip"));

        var run = Tool.Run("train", set, "--epochs", "1", "--test", set, "--output", model, "--json").Succeeded();
        Assert.Equal(8, run.Json.GetProperty("test").GetProperty("rows").GetInt32());
        var evaluated = Tool.Run("evaluate", set, "--model", model, "--json").Succeeded().Json;
        Assert.Equal(8, evaluated[0].GetProperty("test").GetProperty("rows").GetInt32());
        var predicted = Tool.Run("predict", "--file", set, "--model", model, "--json").Succeeded().Json;
        Assert.Equal(samples.HeldOut.Take(8).Select(row => row.Text), predicted.EnumerateArray().Select(row => row.GetProperty("text").GetString()));
        Assert.All(predicted.EnumerateArray(), row => Assert.Contains(row.GetProperty("label").GetString(), labels));
        Tool.Run("train", set, "--validation", set, "--output", model).Failed("no split 'validation'", "test, train");
        Tool.Run("scaffold", set, "--label", "label", "--name", "Set").Failed("no file of lines");
    }

    [Fact]
    public void SettingsOfTheAdapterAreTakenOver()
    {
        Tool.Run("train", samples.TrainFile, "--epochs", "1", "--adapter", "lora", "--rank", "4", "--alpha", "8", "--targets", "q_proj", "v_proj", "--layers",
            "0", "3",
            "--quantization", "Int8", "--precision", "float32", "--rate", "0.001", "--output", _folder.File("lora.zip")).Succeeded();

        var model = Tool.Run("inspect", _folder.File("lora.zip"), "--json").Succeeded().Json;

        Assert.Equal(2 * 2 * 4 * (128 + 128), model.GetProperty("trainableParameterCount").GetInt32());
        Assert.Equal("Int8", model.GetProperty("model").GetProperty("quantization").GetString());
        Assert.All(model.GetProperty("maps").EnumerateArray(), map => Assert.Equal("LORA", map.GetProperty("method").GetString()));
    }

    [Fact]
    public void AHeadTellsTheLabelsAndIsInspectedExportedAndMerged()
    {
        var model = _folder.File("head.zip");
        var run = Tool.Run("train", samples.TrainFile, "--epochs", "20", "--head", "last-token", "--head-rate", "0.01", "--head-weight-decay", "0", "--test",
            samples.TestFile, "--output", model, "--json").Succeeded();
        var test = run.Json.GetProperty("test");
        Assert.True(test.GetProperty("microAccuracy").GetDouble() > 2 * test.GetProperty("mostFrequentLabel").GetDouble(), run.Out);
        var evaluated = Tool.Run("evaluate", samples.TestFile, "--model", model, "--json").Succeeded().Json[0].GetProperty("test");
        Assert.Equal(test.GetProperty("logLoss").GetDouble(), evaluated.GetProperty("logLoss").GetDouble());

        var shown = Tool.Run("inspect", model).Succeeded().Out;
        Assert.Contains("a linear layer over the last token's state", shown, StringComparison.Ordinal);
        Assert.Contains("head over LastToken", shown, StringComparison.Ordinal);
        Tool.Run("export", model, "--output", _folder.File("adapter")).Succeeded();
        var adapter = Tool.Run("inspect", _folder.File("adapter"), "--json").Succeeded().Json;
        var whole = Tool.Run("inspect", model, "--json").Succeeded().Json;
        Assert.Equal(whole.GetProperty("trainableParameterCount").GetInt64(), adapter.GetProperty("trainableParameterCount").GetInt64());
        Assert.Equal(whole.GetProperty("head").GetRawText(), adapter.GetProperty("head").GetRawText());
        var merged = Tool.Run("merge", model, "--output", _folder.File("merged")).Succeeded().Out;
        Assert.Contains("AutoModelForSequenceClassification", merged, StringComparison.Ordinal);
        Tool.Run("merge", "--adapter-folder", _folder.File("adapter"), "--type", "nf4", "--output", _folder.File("merged4"), "--json").Succeeded();
        Assert.Contains("ForSequenceClassification", File.ReadAllText(Path.Combine(_folder.File("merged"), "config.json")), StringComparison.Ordinal);

        Tool.Run("merge", model, "--gguf", "f16", "--output", _folder.File("m.gguf")).Failed("score.weight");
        Tool.Run("generate", "Hello", "--adapter-folder", _folder.File("adapter")).Failed("MokaHead.LastToken");
        Tool.Run("train", samples.TrainFile, "--task", "generate", "--head", "mean").WasRefused("--head");
    }

    [Fact]
    public void InstructionsBecomeAModelThatWrites()
    {
        Assert.True(samples.GeneratorRun.Json.GetProperty("test").GetProperty("exactlyRight").GetDouble() > 0.3, samples.GeneratorRun.Out);

        using var model = (IDisposable)new MLContext().Model.Load(samples.Generator, out _);

        Assert.IsType<MokaTextGenerator>(model as MokaTextGenerator ?? ((IEnumerable<ITransformer>)model).Single());
    }

    [Theory]
    [InlineData("messages", "role", "content", "user", "assistant")]
    [InlineData("conversations", "from", "value", "human", "gpt")]
    public void ConversationsBecomeAModelThatChats(string list, string role, string content, string user, string assistant)
    {
        string Message(string who, string text) => $$"""{"{{role}}":"{{who}}","{{content}}":"{{text}}"}""";
        var file = _folder.Write("chats.jsonl", string.Concat(samples.Training.Select(
            question => $$"""{"{{list}}":[{{Message(user, question.Text)}},{{Message(assistant, $" {question.Label}")}}]}""" + "\n")));
        var model = _folder.File("chats.zip");

        Tool.Run("train", file, "--task", "generate", "--epochs", "1", "--output", model).Failed("no chat template", "--template");
        var run = Tool.Run(
            "train", file, "--task", "generate", "--template", "{instruction}", "--epochs", "12", "--test", file, "--output", model, "--json").Succeeded();

        Assert.Equal(samples.Training.Count, run.Json.GetProperty("test").GetProperty("rows").GetInt32());
        Assert.True(run.Json.GetProperty("test").GetProperty("exactlyRight").GetDouble() > 0.3, run.Out);
        var question = samples.Training[0];
        var answer = Tool.Run("generate", question.Text, "--model", model).Succeeded().Out.Trim();
        Assert.Equal(answer, Tool.Run($"{question.Text}\n\n", ["generate", "--model", model, "--chat"]).Succeeded().Out.Trim());
        Train("bad.jsonl", "role");

        void Train(string name, string named) =>
            Tool.Run("train", _folder.Write(name, "{\"messages\":[{\"role\":\"judge\",\"content\":\"x\"}]}\n"), "--task", "generate")
                .Failed($"{name}, line 1", named, "'judge'");
    }

    [Fact]
    public void WhereSomebodyLooksABarIsDrawn()
    {
        var run =
            Tool.Run("", ["train", samples.TrainFile, "--epochs", "4", "--validation", "0.25", "--patience", "2", "--output", _folder.File("model.zip")],
                isLive: true).Succeeded();

        Assert.Contains("Training", run.Error, StringComparison.Ordinal);
        Assert.Contains("tokens/s", run.Error, StringComparison.Ordinal);
        Assert.Contains('\e', run.Error);
        Assert.DoesNotContain('\e', run.Out);
    }

    [Fact]
    public void WhenTheLossIsNoNumberTheLastGoodWeightsAreKept()
    {
        Tool.Run("train", samples.TrainFile, "--rate", "1e30", "--output", _folder.File("model.zip"))
            .Failed("Training stopped at step", "The last good weights are in", "model.zip");

        Tool.Run("evaluate", samples.TestFile, "--model", _folder.File("model.zip")).Succeeded();
    }

    [Fact]
    public void CancelledBeforeTheFirstStepNothingIsWritten()
    {
        var run = Tool.Run("", ["train", samples.TrainFile, "--output", _folder.File("model.zip")], cancellation: new CancellationToken(canceled: true));

        Assert.Equal(130, run.ExitCode);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void BadFilesAreNamedWithTheirLine()
    {
        Train("missing.csv", null).Failed("There is no file", "missing.csv");
        Train("a.xlsx", "x").Failed("a.xlsx", ".csv");
        Train("a.csv", "").Failed("a.csv", "empty");
        Train("b.csv", "text,label\n").Failed("b.csv", "no rows");
        Train("c.csv", "text,label\na,b\nonly one\n").Failed("c.csv, line 3", "1 fields");
        Train("d.csv", "text,label\n\"never closed,b\n").Failed("d.csv", "never closed");
        Train("e.csv", "text,label,text\na,b,c\n").Failed("e.csv, line 1", "'text'");
        Train("f.csv", "subject,body,label\na,b,c\n").Failed("f.csv", "--text-column", "'subject', 'body', 'label'");
        Train("g.csv", "text,kind,more\na,b,c\n").Failed("'label'", "--label-column");
        Train("h.csv", "text,label\na,b\nc,b\n").Failed("only the value 'b'");
        Train("i.json", "[{\"text\":\"a\",\"label\":\"b\"},\n oops]").Failed("i.json, line 2");
        Train("j.jsonl", "{\"text\":\"a\",\"label\":\"b\"}\n[1]\n").Failed("j.jsonl, line 2", "an array");
        Train("k.jsonl", "{\"text\":\"a\",\"text\":\"b\"}\n").Failed("k.jsonl, line 1");
        File.WriteAllBytes(_folder.File("l.csv"), [.. Encoding.ASCII.GetBytes("text,label\n"), 0xE4, 0x2C]);
        Tool.Run("train", _folder.File("l.csv")).Failed("l.csv", "UTF-8");
        Assert.False(File.Exists("model.zip"));

        Run Train(string name, string? content)
        {
            if (content is not null)
                _folder.Write(name, content);
            return Tool.Run("train", _folder.File(name), "--output", _folder.File("model.zip"));
        }
    }

    [Fact]
    public void WhatMakesNoSenseIsRefused()
    {
        Tool.Run("train").WasRefused("Required argument");
        Tool.Run("train", samples.TrainFile, "--adapter", "loara").WasRefused("loara");
        Tool.Run("train", samples.TrainFile, "--rank", "4").WasRefused("'moka' has no --rank");
        Tool.Run("train", samples.TrainFile, "--epochs", "many").WasRefused("--epochs is 'many'; it takes a whole number");
        Tool.Run("train", samples.TrainFile, "--quantization", "NF5").WasRefused("NF5", "NF4, FP4, Int8");
        Tool.Run("train", samples.TrainFile, "--precision", "half").WasRefused("half", "Float32, Split, BFloat16");
        Tool.Run("train", samples.TrainFile, "--epochs", "-1").WasRefused("--epochs", "at least 0");
        Tool.Run("train", samples.TrainFile, "--validation", "1.5").WasRefused("--validation");
        Tool.Run("train", samples.TrainFile, "--template", "Review: {txet}").WasRefused("{txet}");
        Tool.Run("train", samples.TrainFile, "--label-column", "text", "--text-column", "text").WasRefused("both the column 'text'");
        Tool.Run("train", samples.TrainFile, "--backbone", _folder.File("nothing")).Failed("there is no such folder");
        Tool.Run("train", samples.TrainFile, "--output", _folder.Path).Failed("is a folder");
        Tool.Run("train", samples.TrainFile, "--targets", "qproj", "--output", _folder.File("x.zip")).Failed("qproj", "q_proj");
    }

    private sealed class Question
    {
        public string Text { get; set; } = "";

        public string Label { get; set; } = "";
    }

    private sealed class Answer
    {
        public string PredictedLabel { get; set; } = "";
    }
}
