using System.Diagnostics;

namespace Microsoft.ML.Moka.Conformance;

/// <summary>The checkout that these tests were built from.</summary>
internal static class Repository
{
    // Builds and packs take minutes on a slow machine; what waits for somebody would wait for ever.
    private static readonly TimeSpan LongestRun = TimeSpan.FromMinutes(8);

    /// <summary>The folder that Moka.sln lies in.</summary>
    public static string Root { get; } = Find();

    /// <summary>The dotnet command.</summary>
    public static string DotnetPath => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    /// <summary>Runs the dotnet command in the checkout, as a user would: without what the command that runs the tests has put into the environment.</summary>
    /// <returns>The exit code and all that was written.</returns>
    public static (int ExitCode, string Output) Dotnet(params string[] arguments) => Run(Root, DotnetPath, arguments);

    /// <summary>Runs a program in a folder, as a user would.</summary>
    /// <inheritdoc cref="Dotnet" path="/returns"/>
    public static (int ExitCode, string Output) Run(string folder, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Where(name =>
            name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase) || name.StartsWith("VSTEST", StringComparison.OrdinalIgnoreCase)).ToList())
            start.Environment.Remove(name);
        // A server that outlives the command would keep its output open.
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["UseSharedCompilation"] = "false";
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (process.WaitForExit(LongestRun))
            return (process.ExitCode, output.GetAwaiter().GetResult() + errors.GetAwaiter().GetResult());
        process.Kill(entireProcessTree: true);
        throw new TimeoutException($"{program} {string.Join(' ', arguments)} has not ended within {LongestRun.TotalMinutes} minutes.");
    }

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Moka.sln")))
                return folder.FullName;
        throw new InvalidOperationException($"No folder above {AppContext.BaseDirectory} has Moka.sln: run the tests from where they were built.");
    }
}
