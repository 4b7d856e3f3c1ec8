namespace Microsoft.ML.Moka.Conformance;

/// <summary>The test material that lies outside the repository; tests that need it skip with a reason where it is absent.</summary>
internal static class Material
{
    /// <summary>The folder that MOKA_MATERIAL names, or <c>../shared/material</c> beside the checkout; null where neither exists.</summary>
    public static string? Root { get; } = Find();

    /// <summary>The full path of a file or folder of the material; skips the running test where it is absent.</summary>
    public static string Require(string relativePath)
    {
        Assert.SkipWhen(Root is null, "No test material: neither MOKA_MATERIAL nor ../shared/material names a folder.");
        var path = Path.Combine(Root!, relativePath);
        Assert.SkipUnless(Path.Exists(path), $"The test material has no '{relativePath}'.");
        return path;
    }

    /// <summary>The names of the folders under one folder of the material, for theories; empty where it is absent.</summary>
    public static IReadOnlyList<string> Folders(string relativePath)
    {
        var path = Root is null ? null : Path.Combine(Root, relativePath);
        return path is not null && Directory.Exists(path)
            ? [.. Directory.GetDirectories(path).Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal)]
            : [];
    }

    private static string? Find()
    {
        var named = Environment.GetEnvironmentVariable("MOKA_MATERIAL");
        if (!string.IsNullOrEmpty(named))
            return Directory.Exists(named) ? named : null;
        var beside = Path.GetFullPath(Path.Combine(Repository.Root, "..", "shared", "material"));
        return Directory.Exists(beside) ? beside : null;
    }
}
