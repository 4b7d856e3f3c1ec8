namespace Microsoft.ML.Moka.Cli.Tests;

public sealed class SweepTests(Samples samples) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ASweepPrintsTheCommandThatTrainsWithTheBest()
    {
        string[] line =
        [
            "sweep", samples.TrainFile, "--adapters", "moka", "lora", "--budgets", "16000", "--search", "random", "--trials", "2", "--epochs", "1",
            "--validation", "0.25", "--batch-tokens", "2048", "--folder", _folder.File("sweep"), "--svg", _folder.File("sweep.svg"),
        ];
        var run = Tool.Run(line).Succeeded();
        Assert.Contains("Trial 2 of 2: new LoraAdapter", run.Error, StringComparison.Ordinal);
        Assert.Contains("2 of 2 trials", run.Out, StringComparison.Ordinal);
        Assert.StartsWith("<svg", File.ReadAllText(_folder.File("sweep.svg")), StringComparison.Ordinal);
        // Each warning once, however many trials.
        Assert.Single(run.Error.Split('\n'), text => text.StartsWith("Warning: --backbone is not set", StringComparison.Ordinal));

        var again = Tool.Run([.. line, "--json"]).Succeeded();
        Assert.DoesNotContain("Trial", again.Error, StringComparison.Ordinal);
        var trials = again.Json.GetProperty("trials").EnumerateArray().ToList();
        Assert.Equal(2, trials.Count);
        Assert.True(trials[0].GetProperty("logLoss").GetDouble() <= trials[1].GetProperty("logLoss").GetDouble());

        const string before = "Train with the best: ";
        var command = run.Out.Split('\n').Single(text => text.StartsWith(before, StringComparison.Ordinal))[before.Length..].Trim();
        Assert.Equal(command, again.Json.GetProperty("command").GetString());
        Assert.Contains(" --batch-tokens 2048 --validation 0.25 --adapter ", command, StringComparison.Ordinal);
        Assert.Contains(" --budget 16000 --rate ", command, StringComparison.Ordinal);
        var words = command.Split(' ').Skip(1).Select(word => word.Trim('"')).ToArray();
        words[^1] = _folder.File("model.zip");
        Tool.Run([.. words, "--json"]).Succeeded();
        var inspected = Tool.Run("inspect", _folder.File("model.zip"), "--json").Succeeded().Out;
        Assert.Contains($"{trials[0].GetProperty("trainableParameterCount").GetInt64()}", inspected, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsLeftOfTheTimeIsToldAndCancellationEndsIt()
    {
        Tool.Run("sweep", samples.TrainFile, "--time", "0.001s").Failed("No trial was finished in the time");
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.Equal(130, Tool.Run("", ["sweep", samples.TrainFile], cancellation: cancelled.Token).ExitCode);
    }

    [Theory]
    [InlineData("--time 5", "--time is '5'; a time is 90s, 30m, 2h")]
    [InlineData("--time -5m", "--time is '-5m'")]
    [InlineData("--time 00:00:00", "--time is '00:00:00'")]
    [InlineData("--budgets 0", "--budgets has 0")]
    [InlineData("--rate-span 1", "--rate-span is 1")]
    [InlineData("--trials 0", "--trials is 0")]
    [InlineData("--adapters other", "other")]
    public void WhatMakesNoSenseIsRefused(string options, string words) =>
        Tool.Run(["sweep", samples.TrainFile, .. options.Split(' ')]).WasRefused(words);

    [Theory]
    [InlineData("90s", 90)]
    [InlineData("1.5h", 5400)]
    [InlineData("2d", 172800)]
    [InlineData("00:30:00", 1800)]
    [InlineData("1e3s", null)]
    [InlineData("h", null)]
    [InlineData("", null)]
    [InlineData("99999999d", null)]
    public void ATimeIsANumberWithAUnit(string text, int? seconds) =>
        Assert.Equal(seconds is { } count ? TimeSpan.FromSeconds(count) : null, Durations.Parse(text));
}
