namespace Microsoft.ML.Moka.Cli.Tests;

public sealed class ScaffoldTests(Samples samples) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    /// <summary>Every other one says where a thing is kept.</summary>
    private IReadOnlyList<string> Texts =>
        [.. samples.Training.Take(20).Select((question, i) => i % 2 == 0 ? "It is kept in the kitchen." : $"It is made of {question.Label}.")];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void NamesThatAreNoneInCSharpCompile()
    {
        var data = _folder.Write("awkward.csv",
            "class,Class,my text,1st,\"say \"\"hi\"\", {0}\",Größe,名前,текст,Score,PredictedLabel,ModelInput,ToString,a-b,a.b,\\path,int\n"
            + "\"a \"\"quoted\"\" label\",x,\"first, text\nin two lines\",1,a,1.5,b,c,0.25,p,q,true,007,z,\\n,é\n"
            + "ja/nein 'ünï' 日本,x,second,2,a,-3e2,b,c,0.5,p,q,FALSE,010,z,\\n,é\n");

        Scaffold(data, "--label", "class", "--text", "my text");
        var code = new CompiledScaffold(_folder.File("App"), "Model");

        Assert.Equal(
            [
                ("Class", "String"), ("Class_2", "String"), ("My_text", "String"), ("_1st", "Single"), ("Say__hi____0_", "String"), ("Größe", "Single"),
                ("名前", "String"), ("Текст", "String"),
                ("Score", "Single"), ("PredictedLabel", "String"), ("ModelInput_2", "String"), ("ToString_2", "Boolean"), ("A_b", "String"),
                ("A_b_2", "String"), ("_path", "String"), ("Int", "String"),
            ],
            code.Inputs);
    }

    [Fact]
    public void AnAwkwardCsvIsLearned()
    {
        var data = _folder.Write("App/data.csv", string.Concat(Texts.Select(
            (text, i) => $"{i}.5;\"{(i % 2 == 0 ? "class \"\"wood\"\"; 日本" : "not, that")}\";\"{text}\r\nPlease; \"\"answer\"\".\";true\r\n")
                .Prepend("Score;my label;\"the \"\"text\"\"\";ok\r\n")));

        Scaffold(data, "--label", "my label", "--epochs", "30");
        var code = new CompiledScaffold(_folder.File("App"), "Model");
        Assert.Contains("RetrainFilePath = @\"data.csv\"", File.ReadAllText(_folder.File("App/Model.training.cs")), StringComparison.Ordinal);
        Learn(code, data, "The__text_", Texts[0] + "\nPlease; \"answer\".", ["class \"wood\"; 日本", "not, that"]);
    }

    /// <summary>ML.NET's reader leaves out lines that begin with //: 'moka train' and the code that is written have to read the same rows.</summary>
    [Fact]
    public void RowsThatBeginLikeCommentsAreRead()
    {
        string[] firsts = ["// ", "//", "#", "\"// quoted, ", "plain "];
        var lines = Texts.Select((text, i) => firsts[i % 5] is var first && first[0] == '"' ? $"{first}{text}\",{i % 2}" : $"{first}{text},{i % 2}");
        var data = _folder.Write("App/data.csv", string.Join('\n', lines.Prepend("text,label")));
        Scaffold(data, "--label", "label", "--epochs", "1");

        Assert.Equal(
            Texts.Select((text, i) => firsts[i % 5].TrimStart('"') + text),
            new CompiledScaffold(_folder.File("App"), "Model").Texts(data, "text"));
    }

    [Fact]
    public void AnAccuracyOverNoRowsIsAnError()
    {
        var data = _folder.Write("App/data.csv", string.Concat(Texts.Select((text, i) => $"{text},{(i % 2 == 0 ? "a" : "b")}\n").Prepend("text,label\n")));
        Scaffold(data, "--label", "label", "--epochs", "1");
        var code = new CompiledScaffold(_folder.File("App"), "Model");
        code.Train(data);

        var error = Assert.Throws<InvalidOperationException>(() => code.Evaluate(_folder.Write("other.csv", "text,label\nIt is.,c\nIt was.,\n")));

        Assert.Contains("No row of the test data has a label", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("data.json")]
    [InlineData("data.jsonl")]
    public void JsonIsLearned(string name)
    {
        var rows = Texts.Select((text, i) => System.Text.Json.JsonSerializer.Serialize(
            new { id = i, text, label = i % 2 == 0 ? 1 : 2, extra = i % 2 == 0 ? null : "x", nested = new[] { 1, 2 } })).ToList();
        var data = _folder.Write($"App/{name}", name.EndsWith('l') ? string.Join('\n', rows) : $"[{string.Join(",\n", rows)}]");

        Scaffold(data, "--label", "label", "--text", "text", "--epochs", "30");

        Learn(new CompiledScaffold(_folder.File("App"), "Model"), data, "Text", Texts[0], ["1", "2"]);
    }

    [Fact]
    public void TheGpuAndTheBackboneStandInTheCode()
    {
        Tool.Run("quantize", "--output", _folder.File("backbone")).Succeeded();
        Scaffold(samples.TrainFile, "--label", "label", "--gpu", "1", "--backbone", _folder.File("backbone"), "--namespace", "My.App");

        var training = File.ReadAllText(_folder.File("App/Model.training.cs"));
        Assert.Contains("GpuDeviceId = 1;", training, StringComparison.Ordinal);
        Assert.Contains($"BackbonePath = @\"{_folder.File("backbone")}\"", training, StringComparison.Ordinal);
        Assert.Contains("namespace My.App", training, StringComparison.Ordinal);
        Assert.Contains($"RetrainFilePath = @\"{samples.TrainFile}\"", training, StringComparison.Ordinal);
        using var config = System.Text.Json.JsonDocument.Parse(File.ReadAllText(_folder.File("App/Model.mbconfig")));
        Assert.Equal("LocalGPU", config.RootElement.GetProperty("Environment").GetProperty("Type").GetString());
        _ = new CompiledScaffold(_folder.File("App"), "Model");
    }

    [Fact]
    public void EarlierFilesStayUnlessForced()
    {
        _folder.Write("App/Model.training.cs", "mine");

        Run(samples.TrainFile, "--label", "label").Failed("Model.training.cs", "--force");
        Assert.Single(Directory.GetFiles(_folder.File("App")));
        Assert.Equal("mine", File.ReadAllText(_folder.File("App/Model.training.cs")));

        Scaffold(samples.TrainFile, "--label", "label", "--force");
        Assert.Equal(4, Directory.GetFiles(_folder.File("App")).Length);

        Directory.CreateDirectory(_folder.File("Other/Model.evaluate.cs"));
        Tool.Run("scaffold", samples.TrainFile, "--label", "label", "--name", "Model", "--force", "--output", _folder.File("Other")).Failed("is a folder");
        Assert.Empty(Directory.GetFiles(_folder.File("Other")));
    }

    [Fact]
    public void WhatCannotBeScaffoldedIsSaid()
    {
        Tool.Run("scaffold", samples.TrainFile, "--label", "label").WasRefused("--name");
        Tool.Run("scaffold", samples.TrainFile, "--label", "label", "--name", "class").WasRefused("'class'", "Class");
        Tool.Run("scaffold", samples.TrainFile, "--label", "label", "--name", "my model").WasRefused("My_model");
        Run(samples.TrainFile, "--label", "label", "--namespace", "a..b").WasRefused("--namespace");
        Run(samples.TrainFile, "--label", "kind").Failed("'kind'", "'text', 'label'");
        Run(_folder.Write("two.csv", "a,b,label\nx,y,1\nz,w,2\n"), "--label", "label").WasRefused("--text", "'a', 'b'");
        Run(_folder.Write("none.csv", "a,label\n1,x\n2,y\n"), "--label", "label").WasRefused("--text");
        Run(_folder.Write("one.csv", "text,label\nx,y\nz,y\n"), "--label", "label").Failed("fewer than two values");
        Run(_folder.Write("broken.csv", "\"te\nxt\",label\nx,y\nz,w\n"), "--label", "label").Failed("line end");
        Assert.False(Directory.Exists(_folder.File("App")));
    }

    private static void Learn(CompiledScaffold code, string data, string property, string text, string[] labels)
    {
        code.Train(data);

        Assert.InRange(code.Evaluate(data), 0.9, 1);
        Assert.Contains(code.Predict(property, text), labels);
        var all = code.PredictAllLabels(property, text);
        Assert.Equal(labels.Order(StringComparer.Ordinal), all.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(1, all.Values.Sum(), 1e-4);
        Assert.Equal(code.Predict(property, text), all.MaxBy(pair => pair.Value).Key);
    }

    private void Scaffold(string data, params string[] args) => Run(data, args).Succeeded();

    private Run Run(string data, params string[] args) => Tool.Run(["scaffold", data, "--name", "Model", "--output", _folder.File("App"), .. args]);
}
