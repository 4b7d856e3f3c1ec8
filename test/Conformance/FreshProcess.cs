using System.Diagnostics;

namespace Microsoft.ML.Moka.Conformance;

/// <summary>
/// Runs one test in a process of its own. Such a test is marked <c>[Fact(Explicit = true)]</c>, so that it runs in no
/// other way, and takes what it needs from environment variables.
/// </summary>
internal static class FreshProcess
{
    public static void Run(Type testClass, string method, params (string Name, string Value)[] variables)
    {
        using var process = Start(testClass, method, variables);
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd() + errors.GetAwaiter().GetResult();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, output);
        Assert.Contains("Total: 1, Errors: 0, Failed: 0, Skipped: 0", output);
    }

    public static Process Start(Type testClass, string method, params (string Name, string Value)[] variables)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            ArgumentList =
            {
                "exec", testClass.Assembly.Location, "-method", $"{testClass.FullName}.{method}", "-explicit", "only", "-noColor", "-noLogo",
            },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in variables)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }
}
