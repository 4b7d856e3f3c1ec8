using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Microsoft.ML.Moka.Conformance;

/// <summary>
/// Runs one test in a process of its own. Such a test is marked <c>[Fact(Explicit = true)]</c>, so that it runs in no
/// other way, and takes what it needs from environment variables.
/// </summary>
internal static class FreshProcess
{
    public static void Run(Type testClass, string method, params (string Name, string Value)[] variables) => Finish(Start(testClass, method, variables));

    /// <summary>The same under settings of the runtime that a program cannot change while it runs, as a project file sets them.</summary>
    public static void RunWith(
        IReadOnlyDictionary<string, bool> settings, Type testClass, string method, params (string Name, string Value)[] variables)
    {
        using var folder = new TemporaryFolder();
        var config = JsonNode.Parse(File.ReadAllBytes(Path.ChangeExtension(testClass.Assembly.Location, ".runtimeconfig.json")))!;
        foreach (var (name, value) in settings)
            config["runtimeOptions"]!["configProperties"]![name] = value;
        var path = folder.File("with.runtimeconfig.json");
        File.WriteAllText(path, config.ToJsonString());
        Finish(Start(["--runtimeconfig", path], testClass, method, variables));
    }

    public static Process Start(Type testClass, string method, params (string Name, string Value)[] variables) => Start([], testClass, method, variables);

    private static void Finish(Process started)
    {
        using var process = started;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd() + errors.GetAwaiter().GetResult();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, output);
        Assert.Contains("Total: 1, Errors: 0, Failed: 0, Skipped: 0", output);
    }

    private static Process Start(string[] hostOptions, Type testClass, string method, (string Name, string Value)[] variables)
    {
        string[] arguments =
            ["exec", .. hostOptions, testClass.Assembly.Location, "-method", $"{testClass.FullName}.{method}", "-explicit", "only", "-noColor", "-noLogo"];
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in variables)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }
}
