namespace Microsoft.ML.Moka.Tests.Packages;

/// <summary>Tests that use the packages as a user does.</summary>
[CollectionDefinition(nameof(PackedPackages))]
public sealed class SharesPackedPackages : ICollectionFixture<PackedPackages>;

/// <summary>The packages as they are built, packed once under a version of their own, and a folder outside the repository to use them from.</summary>
public sealed class PackedPackages : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public PackedPackages()
    {
        foreach (var project in Directory.GetDirectories(Path.Combine(Repository.Root, "src")))
            Require(Repository.Dotnet(
                "pack", project, "-c", "Release", "--no-build", "--nologo", $"-p:Version={Version}", "-p:FileVersion=0.1.0.0", "-o", Feed));
        File.WriteAllText(InFolder("NuGet.config"), $"""
            <configuration>
              <packageSources>
                <add key="packed" value="{Feed}" />
              </packageSources>
            </configuration>
            """);
    }

    /// <summary>A version that no package folder has: it would serve an earlier build. No preview, for commands without a version take none of those.</summary>
    public string Version { get; } = $"0.1.{DateTimeOffset.UtcNow.ToUnixTimeSeconds()}";

    public string Feed => _folder.File("feed");

    public string Root => _folder.Path;

    public string InFolder(params string[] parts) => Path.Combine([_folder.Path, .. parts]);

    /// <summary>Runs dotnet in a folder outside the repository, as a user would.</summary>
    public string Dotnet(string folder, params string[] arguments) => Require(Repository.Run(folder, Repository.DotnetPath, arguments));

    public void Dispose()
    {
        foreach (var path in Directory.GetDirectories(PackageFolder, "microsoft.ml.moka*").Select(path => Path.Combine(path, Version)).Where(Directory.Exists))
            Directory.Delete(path, recursive: true);
        _folder.Dispose();
    }

    /// <summary>Where NuGet keeps the packages that it has unpacked.</summary>
    public static string PackageFolder => Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } folder
        ? folder
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    private static string Require((int ExitCode, string Output) run)
    {
        Assert.True(run.ExitCode == 0, run.Output);
        return run.Output;
    }
}
