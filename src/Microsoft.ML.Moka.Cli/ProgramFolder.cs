using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;

namespace Microsoft.ML.Moka.Cli;

/// <summary>Lets the tool use the GPU package and the native libraries that lie in the folder of a built app.</summary>
[UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "What is loaded comes from the folder of another program, whole.")]
internal static class ProgramFolder
{
    private const string Package = "Microsoft.ML.Moka.TorchSharp";

    /// <exception cref="UsageException">The folder is no built app's, or the app has another version of Moka.</exception>
    public static void Use(string folder)
    {
        var root = Path.GetFullPath(folder);
        var engine = Path.Combine(root, "Microsoft.ML.Moka.dll");
        if (!File.Exists(engine))
            throw new UsageException($"'{folder}' has no Microsoft.ML.Moka.dll: --app takes the folder that a program with Moka was built or published into.");
        var (theirs, own) = (VersionOf(engine), VersionOf(typeof(MokaTrainer).Assembly.Location));
        if (theirs != own)
            throw new UsageException(
                $"The app in '{folder}' has Microsoft.ML.Moka {theirs}, this tool {own}: update one of them, or call MokaDiagnostics.Run in the app itself.");
        if (!File.Exists(Path.Combine(root, $"{Package}.dll")))
            return;
        AssemblyLoadContext.Default.Resolving += (context, name) =>
            Path.Combine(root, $"{name.Name}.dll") is var path && File.Exists(path) ? context.LoadFromAssemblyPath(path) : null;
        AssemblyLoadContext.Default.ResolvingUnmanagedDll += (_, name) => Load(root, name);
    }

    private static nint Load(string root, string name)
    {
        var system = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
        var kind = $"{system}-{RuntimeInformation.ProcessArchitecture}".ToLowerInvariant();
        var file = OperatingSystem.IsWindows() ? $"{name}.dll" : OperatingSystem.IsMacOS() ? $"lib{name}.dylib" : $"lib{name}.so";
        foreach (var place in (string[])[root, Path.Combine(root, "runtimes", kind, "native")])
            if (NativeLibrary.TryLoad(Path.Combine(place, file), out var library))
                return library;
        return 0;
    }

    private static string? VersionOf(string path) => FileVersionInfo.GetVersionInfo(path).ProductVersion?.Split('+')[0];
}
