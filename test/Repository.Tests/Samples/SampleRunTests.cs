using System.Diagnostics;

namespace Microsoft.ML.Moka.Tests.Samples;

/// <summary>Samples run as a user runs them, each as a process, on little data where it takes options.</summary>
public sealed class SampleRunTests
{
    [Theory]
    [InlineData("Quickstart", "", "Loaded model, same scores      yes")]
    [InlineData("Commonsense", "--rows 16 --test-rows 4 --epochs 1", "BoolQ", "WinoGrande")]
    [InlineData("Instruct", "", "It is made of ", "(expected: ")]
    public void A_sample_runs(string name, string arguments, params string[] expected)
    {
        var (output, errors, exitCode) = Run(name, arguments);

        Assert.True(exitCode == 0, output + errors);
        Assert.All(expected, text => Assert.Contains(text, output, StringComparison.OrdinalIgnoreCase));
        // Each takes more than two seconds, and shows how far it is.
        Assert.StartsWith("Running on cpu", errors, StringComparison.Ordinal);
        Assert.Contains("Step ", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Quickstart")]
    [InlineData("Commonsense")]
    [InlineData("Instruct")]
    public void A_readme_names_the_command(string name) =>
        Assert.Contains($"./build.sh run {name}", File.ReadAllText(Path.Combine(Repository.Root, "samples", name, "README.md")), StringComparison.Ordinal);

    private static (string Output, string Errors, int ExitCode) Run(string name, string arguments)
    {
        var configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        var assembly = Path.Combine(Repository.Root, "samples", name, "bin", configuration, "net10.0", $"{name}.dll");
        using var process =
            Process.Start(
                new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
                    ["exec", assembly, .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (output, errors.GetAwaiter().GetResult(), process.ExitCode);
    }
}
