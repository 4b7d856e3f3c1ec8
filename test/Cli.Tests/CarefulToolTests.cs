namespace Microsoft.ML.Moka.Cli.Tests;

/// <summary>What the tool notices before it works for hours, and what it never does to files and texts.</summary>
public sealed class CarefulToolTests(Samples samples) : IDisposable
{
    private const string Rows = "text,label\nThe nut is loose,Fix\nThe bolt broke,Fix\nI love it,Praise\nSo good,Praise\n";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AModelNeverTakesThePlaceOfRows()
    {
        var train = _folder.Write("data/train.csv", Rows);
        var held = _folder.Write("held.csv", Rows);
        foreach (var args in (string[][])[
            [train, "--output", train], [train, "--test", held, "--output", held], [train, "--validation", held, "--output", held],
            [Path.GetDirectoryName(train)!, "--output", train], [train, "--output", Path.Combine(_folder.Path, "data", "..", "data", "train.csv")]])
            Tool.Run(["train", .. args, "--epochs", "1"]).WasRefused("which rows are read from", "model.zip");
        Assert.Equal([Rows, Rows], [File.ReadAllText(train), File.ReadAllText(held)]);
        Tool.Run("sweep", train, "--svg", train).WasRefused("--svg", ".svg");
        Tool.Run("export", samples.Classifier, "--output", train).Failed("is a file; name a folder");
        Tool.Run("inspect", samples.Classifier, "--svg", train).Failed("is a file; name a folder");
    }

    [Fact]
    public void WhatWouldFailAtTheEndFailsBefore()
    {
        var file = _folder.Write("train.csv", Rows);
        var other = _folder.Write("other.csv", "text,label\nx,Other\ny,\n");
        var texts = _folder.Write("out.json", "[{\"instruction\": \"a\", \"output\": \"\"}]");
        var model = _folder.File("model.zip");

        Tool.Run("train", file, "--test", other, "--output", model).Failed("None of the 2 held-out rows", "Fix, Praise", "'Other', none");
        Tool.Run("train", file, "--multi-label", "--test", other, "--output", model).Failed("None of the 2 held-out rows", "--label-separator");
        Tool.Run("train", samples.InstructionFile, "--task", "generate", "--test", texts, "--output", model).Failed("nothing to measure");
        Tool.Run("train", file, "--patience", "2", "--output", model).WasRefused("--validation");
        Assert.False(File.Exists(model));
        if (OperatingSystem.IsLinux())
            Tool.Run("train", file, "--output", "/dev/null").Failed("is a device");

        var scored = _folder.File("new/folder/scored.csv");
        Assert.Contains("1 row.", Tool.Run("predict", "It broke", "--model", samples.Classifier, "--output", scored).Succeeded().Out, StringComparison.Ordinal);
        Assert.Equal(2, File.ReadAllLines(scored).Length);
        Tool.Run("predict", "It broke", "--model", samples.Classifier, "--output", Path.Combine(file, "scored.csv")).Failed("scored.csv' cannot be written");
    }

    /// <summary>Whoever uses the tool cannot set a program's properties.</summary>
    [Fact]
    public void MessagesNameTheToolsOptions()
    {
        var file = _folder.Write("train.csv", Rows);
        Run Train(params string[] args) => Tool.Run(["train", file, "--epochs", "1", "--output", _folder.File("model.zip"), .. args]);

        Train("--backbone", _folder.File("nothing")).Failed("--backbone is '");
        Train("--validation", "0.01").Failed("--validation holds out none of the 4 rows");
        Train("--validation", "0.99").Failed("--validation leaves none of the 4 rows");
        Train("--checkpoints", file).Failed("--checkpoints is '");
        Train("--from-adapter", _folder.File("nothing")).Failed("--from-adapter is '");
        Assert.Contains("raise --max-tokens if it matters", Train("--max-tokens", "8").Succeeded().Error, StringComparison.Ordinal);
        Assert.Equal(
            "set --epochs above 0, or Head: 'BackbonePath' and MyNumberOfEpochs stay, take --less-memory (--pre)",
            OptionNames.In(
                "set NumberOfEpochs above 0, or Head: 'BackbonePath' and MyNumberOfEpochs stay, set GradientCheckpointing to true (PreTokenizer)"));
    }

    [Theory]
    [InlineData("plain.zip", "plain.zip")]
    [InlineData("two words.zip", "\"two words.zip\"")]
    [InlineData("it's.zip", "\"it's.zip\"")]
    [InlineData("a$b `c`!.zip", "'a$b `c`!.zip'")]
    [InlineData(@"back\slash.zip", @"'back\slash.zip'")]
    [InlineData("all $of 'it'.zip", @"'all $of '\''it'\''.zip'")]
    public void PrintedPathsAreTakenByAShellAsTheyAre(string path, string expected)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "A shell of Unix.");
        Assert.Equal(expected, TrainingSession.Argument(path));
    }

    [Fact]
    public void APrintedRowIsTakenByAShell()
    {
        var file = _folder.Write("train.csv", "Owner's town,label\nBern,x\nBasel,y\n");
        var told = Tool.Run("train", file, "--template", "{Owner's town}", "--epochs", "1", "--output", _folder.File("m.zip")).Succeeded().Out;
        Assert.Contains("--row '{\"Owner\\u0027s town\":\"Bern\"}'", told, StringComparison.Ordinal);
        var dash = _folder.Write("dash.csv", "text,label\n-5,x\nBasel,y\n");
        Assert.Contains("predict \"A text.\"", Tool.Run("train", dash, "--epochs", "1", "--output", _folder.File("m.zip")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public void RowsCountByTheirNamesAndBlankLinesAreTold()
    {
        Tool.Run("predict", "--row", "{\"body\": \"It broke\"}", "--model", samples.Classifier).Failed("no column 'Text'", "'body'");
        var run = Tool.Run("\none\n\n \ntwo\n", ["predict", "--model", samples.Classifier]).Succeeded();
        Assert.Equal(2, run.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Contains("Left out 3 blank lines", run.Error, StringComparison.Ordinal);
    }

    /// <summary>A class of the name of what the code uses would hide it.</summary>
    [Fact]
    public void NamesThatTheWrittenCodeUsesAreRefused()
    {
        var file = _folder.Write("rows.csv", Rows);
        Run Scaffold(string name) => Tool.Run("scaffold", file, "--label", "label", "--name", name, "--output", _folder.File(name));

        foreach (var name in (string[])["ModelInput", "MLContext", "Train", "IDataView", "Path"])
            Scaffold(name).WasRefused($"--name is '{name}'", "such as TicketModel");
        Scaffold("TicketModel").Succeeded();
        Scaffold("Trainer").Succeeded();
    }

    [Fact]
    public void WhatIsNoModelIsSaid()
    {
        Tool.Run("predict", "x", "--model", _folder.Path).Failed("is a folder", "moka train");
        Tool.Run("predict", "x", "--model", _folder.Write("rows.csv", Rows)).Failed("it is no zip", "moka train");
        Tool.Run("predict", "x", "--model", _folder.Write("empty.zip", "")).Failed("it is no zip");
        var cut = _folder.File("cut.zip");
        File.WriteAllBytes(cut, File.ReadAllBytes(samples.Classifier)[..2000]);
        Tool.Run("inspect", cut).Failed("cannot be loaded as a model", "was not copied whole");
    }

    [Fact]
    public void RowsThatAreMeasuredCanBeCancelled()
    {
        var run = Tool.Run("", ["evaluate", samples.TestFile, "--model", samples.Classifier], cancellation: new CancellationToken(canceled: true));
        Assert.Equal((130, ""), (run.ExitCode, run.Out));
        run = Tool.Run("", ["inspect", samples.Classifier], cancellation: new CancellationToken(canceled: true));
        Assert.Equal((130, ""), (run.ExitCode, run.Out));
    }
}
