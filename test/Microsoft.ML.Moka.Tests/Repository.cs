namespace Microsoft.ML.Moka.Tests;

/// <summary>The checkout that the tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    private static string Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Moka.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("The tests do not run from a checkout: no folder above them has Moka.sln.");
        return folder.FullName;
    }
}
