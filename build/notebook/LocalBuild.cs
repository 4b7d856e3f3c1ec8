using System.Collections.Immutable;
using System.Reflection;
using Microsoft.CodeAnalysis;

namespace Microsoft.ML.Moka.Notebook;

/// <summary>The assemblies that cells refer to: .NET's own, and those beside this program in the place of packages.</summary>
internal static class LocalBuild
{
    /// <summary>.NET itself, which every cell sees.</summary>
    public static ImmutableArray<PortableExecutableReference> Framework { get; } =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => Path.GetDirectoryName(path) == Path.GetDirectoryName(typeof(object).Assembly.Location))
            .Select(path => MetadataReference.CreateFromFile(path)),
    ];

    /// <summary>The assembly that has the package's name, and all that it refers to.</summary>
    /// <param name="package">What stands after "nuget:" in a cell: a name and perhaps, after a comma, a version, which is not looked at.</param>
    /// <exception cref="FileNotFoundException">There is no such assembly beside this program.</exception>
    public static IReadOnlyCollection<Assembly> Package(string package)
    {
        var name = package.Split(',')[0].Trim();
        if (!File.Exists(Path.Combine(AppContext.BaseDirectory, $"{name}.dll")))
            throw new FileNotFoundException($"No assembly of the local build has the name of the package '{name}'.");
        var found = new Dictionary<string, Assembly>(StringComparer.Ordinal);
        Collect(Assembly.Load(new AssemblyName(name)), found);
        return found.Values;
    }

    private static void Collect(Assembly assembly, Dictionary<string, Assembly> found)
    {
        // Only what lies beside this program: .NET's own assemblies are there already.
        if (Path.GetDirectoryName(assembly.Location) + Path.DirectorySeparatorChar != AppContext.BaseDirectory || !found.TryAdd(assembly.FullName!, assembly))
            return;
        foreach (var reference in assembly.GetReferencedAssemblies())
            Collect(Assembly.Load(reference), found);
    }
}
