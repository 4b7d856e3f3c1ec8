using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace Microsoft.ML.Moka.Notebook;

/// <summary>The assemblies beside this program, which stand in for packages: they are those of the repository's own build.</summary>
internal static class LocalBuild
{
    /// <summary>The assembly that has the package's name, and all beside it that it refers to.</summary>
    /// <param name="package">What stands after "nuget:" in a cell: a name and perhaps, after a comma, a version, which is not looked at.</param>
    /// <returns>Their paths.</returns>
    /// <exception cref="FileNotFoundException">There is no such assembly beside this program.</exception>
    public static IReadOnlyCollection<string> Package(string package)
    {
        var name = package.Split(',')[0].Trim();
        var found = new SortedSet<string>(StringComparer.Ordinal);
        Collect(name, found);
        return found.Count > 0 ? found : throw new FileNotFoundException($"No assembly of the local build has the name of the package '{name}'.");
    }

    // Only what lies beside this program: .NET's own assemblies are there already.
    private static void Collect(string name, SortedSet<string> found)
    {
        var path = Path.Combine(AppContext.BaseDirectory, $"{name}.dll");
        if (!File.Exists(path) || !found.Add(path))
            return;
        using var file = new PEReader(File.OpenRead(path));
        var metadata = file.GetMetadataReader();
        foreach (var reference in metadata.AssemblyReferences)
            Collect(metadata.GetString(metadata.GetAssemblyReference(reference).Name), found);
    }
}
