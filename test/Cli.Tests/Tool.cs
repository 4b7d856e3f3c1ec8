using System.Text.Json;

namespace Microsoft.ML.Moka.Cli.Tests;

/// <summary>What a run of the tool wrote, and its exit code.</summary>
internal sealed record Run(int ExitCode, string Out, string Error)
{
    public JsonElement Json => JsonDocument.Parse(Out).RootElement;

    /// <summary>The run went well.</summary>
    public Run Succeeded()
    {
        Assert.True(ExitCode == 0, $"exit code {ExitCode}\n{Out}\n{Error}");
        return this;
    }

    /// <summary>The run failed with one line that says these words, and without a stack trace.</summary>
    public void Failed(params string[] words)
    {
        Assert.Equal((1, ""), (ExitCode, Out));
        var line = Assert.Single(Error.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => line.StartsWith("moka: ", StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
        Assert.DoesNotContain("(Parameter", Error, StringComparison.Ordinal);
        Assert.All(words, word => Assert.Contains(word, line, StringComparison.Ordinal));
    }

    /// <summary>The command line was refused with these words, and help was pointed at.</summary>
    public void WasRefused(params string[] words)
    {
        Assert.True(ExitCode == 2, $"exit code {ExitCode}\n{Out}\n{Error}");
        Assert.Equal("", Out);
        Assert.All(words, word => Assert.Contains(word, Error, StringComparison.Ordinal));
        Assert.Contains("--help' lists what there is", Error, StringComparison.Ordinal);
    }
}

/// <summary>Runs the tool inside this process.</summary>
internal static class Tool
{
    public static Run Run(params string[] args) => Run("", args);

    public static Run Run(string input, string[] args, bool isLive = false, CancellationToken cancellation = default)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var terminal = new Terminal(output, error, new StringReader(input), isLive) { IsInputRedirected = true };
        var exitCode = MokaTool.RunAsync(args, terminal, cancellation).GetAwaiter().GetResult();
        return new Run(exitCode, output.ToString(), error.ToString());
    }
}
