using System.Diagnostics;
using System.Reflection;
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
        Finish(Start(["--runtimeconfig", WriteConfig(folder, testClass.Assembly, settings)], testClass.Assembly, Explicit(testClass, method), variables));
    }

    /// <summary>Runs the ordinary tests of some classes in a process of another culture, with the system's data of cultures.</summary>
    /// <param name="assembly">The tests' assembly.</param>
    /// <param name="culture">The culture's name.</param>
    /// <param name="classes">Patterns of names of classes.</param>
    public static string RunIn(Assembly assembly, string culture, IEnumerable<string> classes)
    {
        using var folder = new TemporaryFolder();
        var settings = new Dictionary<string, bool>
        {
            ["System.Globalization.Invariant"] = false,
            ["System.Globalization.PredefinedCulturesOnly"] = false,
        };
        string[] host = ["--runtimeconfig", WriteConfig(folder, assembly, settings)];
        using var process = Start(host, assembly, ["-culture", culture, .. classes.SelectMany(name => (string[])["-class", name])], []);
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd() + errors.GetAwaiter().GetResult();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, output);
        return output;
    }

    public static Process Start(Type testClass, string method, params (string Name, string Value)[] variables) =>
        Start([], testClass.Assembly, Explicit(testClass, method), variables);

    private static string[] Explicit(Type testClass, string method) => ["-method", $"{testClass.FullName}.{method}", "-explicit", "only"];

    private static string WriteConfig(TemporaryFolder folder, Assembly assembly, IReadOnlyDictionary<string, bool> settings)
    {
        var config = JsonNode.Parse(File.ReadAllBytes(Path.ChangeExtension(assembly.Location, ".runtimeconfig.json")))!;
        foreach (var (name, value) in settings)
            config["runtimeOptions"]!["configProperties"]![name] = value;
        var path = folder.File("with.runtimeconfig.json");
        File.WriteAllText(path, config.ToJsonString());
        return path;
    }

    private static void Finish(Process started)
    {
        using var process = started;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd() + errors.GetAwaiter().GetResult();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, output);
        Assert.Contains("Total: 1, Errors: 0, Failed: 0, Skipped: 0", output);
    }

    private static Process Start(string[] hostOptions, Assembly assembly, string[] tests, (string Name, string Value)[] variables)
    {
        string[] arguments = ["exec", .. hostOptions, assembly.Location, .. tests, "-noColor", "-noLogo"];
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
