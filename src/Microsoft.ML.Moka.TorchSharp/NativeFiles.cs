using System.Diagnostics;
using System.Runtime.InteropServices;
using TorchSharp;

namespace Microsoft.ML.Moka.Torch;

/// <summary>The files of PyTorch and TorchSharp, one by one: where they lie, and whether each loads.</summary>
/// <param name="folders">Where they are looked for.</param>
internal sealed class NativeFiles(IReadOnlyList<string> folders)
{
    private static readonly string[] Always = ["c10", "torch_cpu", "torch", NativeLibraries.Wrapper];
    private static readonly string[] Called =
    [
        "add_", "addcdiv_", "addcmul_", "addmm_", "bmm", "cat", "contiguous", "copy_", "empty", "expand", "gather", "index_add_", "index_copy_", "index_select",
        "logsumexp", "masked_fill_", "mm", "mul_", "narrow", "permute", "reshape", "rsqrt_", "scatter_add_", "select", "sigmoid", "sub_", "transpose",
        "unsqueeze", "view", "zeros",
    ];

    private static readonly string[] WithCuda = ["c10_cuda", "torch_cuda"];

    /// <summary>Those of this process.</summary>
    public static NativeFiles OfProcess() => new([.. Folders().Distinct().Where(Directory.Exists)]);

    /// <summary>Whether PyTorch is the one with CUDA.</summary>
    public bool HasCuda => Array.Exists(WithCuda, name => Find(name) is not null);

    /// <summary>A file whose name begins so; null where there is none.</summary>
    public string? FindLike(string beginning) => folders.SelectMany(folder => Directory.EnumerateFiles(folder, $"{beginning}*")).Order().FirstOrDefault();

    /// <summary>A finding for each library, in the order in which they need each other.</summary>
    public IEnumerable<DiagnosticFinding> Examine() => Always.Concat(HasCuda ? WithCuda : []).Select(Examine);

    private DiagnosticFinding Examine(string name)
    {
        if (Find(name) is not { } path)
        {
            return Failed(
                name, $"{FileName(name)} is not found",
                name == NativeLibraries.Wrapper
                    ? "It is part of the package TorchSharp: add it to the app itself, and restore or publish it for this machine's kind."
                    : $"It is part of {NativeLibraries.CudaPackage}, or for the CPU of TorchSharp-cpu: add one of them, of TorchSharp's version " +
                        $"{NativeLibraries.Version}.");
        }
        try
        {
            var library = NativeLibrary.Load(path);
            var missing = name == NativeLibraries.Wrapper ? Missing(library) : [];
            if (missing.Count > 0)
            {
                var names = missing.Count > 1 ? $"{missing[0]} and {missing.Count - 1} more are" : $"{missing[0]} is";
                var problem = LoaderError.OtherVersion($"belongs to another version than TorchSharp {NativeLibraries.Version} ({names} missing)");
                return Failed(name, $"{path} {problem.What}", Sentence(problem.Cure));
            }
            return new(DiagnosticArea.NativeLibrary, name, DiagnosticStatus.Passed, $"{path}, {new FileInfo(path).Length / 1e6:0.0} MB");
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            var problem = LoaderError.Explain(e.Message, name) ?? new("does not load", $"the system says: {Shortest(e.Message)}");
            return Failed(name, $"{path} {problem.What}", Sentence(problem.Cure));
        }
    }

    private string? Find(string name) => Loaded(FileName(name)) ?? folders.Select(folder => Path.Combine(folder, FileName(name))).FirstOrDefault(File.Exists);

    /// <summary>
    /// Of what the backend calls, that which the library does not have. Not of all that TorchSharp calls: the genuine library lacks some of that as well.
    /// </summary>
    internal static IReadOnlyList<string> Missing(nint library) =>
        [.. Called.Select(name => $"THSTensor_{name}").Where(name => !NativeLibrary.TryGetExport(library, name, out _))];

    private static DiagnosticFinding Failed(string name, string value, string remedy) =>
        new(DiagnosticArea.NativeLibrary, name, DiagnosticStatus.Failed, value, remedy);

    private static string Sentence(string cure) => $"{char.ToUpperInvariant(cure[0])}{cure[1..]}.";

    /// <summary>.NET repeats the loader's line for every name that it tries.</summary>
    private static string Shortest(string message) => message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[^1];

    private static string FileName(string name) =>
        OperatingSystem.IsWindows() ? $"{name}.dll" : OperatingSystem.IsMacOS() ? $"lib{name}.dylib" : $"lib{name}.so";

    /// <summary>The file that the process has loaded already, which is the one that counts.</summary>
    private string? Loaded(string file)
    {
        using var process = Process.GetCurrentProcess();
        return process.Modules.Cast<ProcessModule>().Select(module => module.FileName)
            .FirstOrDefault(path => Path.GetFileName(path) == file && folders.Contains(Path.GetDirectoryName(path)));
    }

    private static IEnumerable<string> Folders()
    {
        var data = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";
        var places = data.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Append(AppContext.BaseDirectory);
        if (typeof(torch).Assembly.Location is { Length: > 0 } location)
            places = places.Append(Path.GetDirectoryName(location)!);
        foreach (var place in places.Select(Path.TrimEndingDirectorySeparator).Distinct())
        {
            yield return place;
            yield return Path.Combine(place, "runtimes", RuntimeInformation.RuntimeIdentifier, "native");
            yield return Path.Combine(place, "runtimes", PortableIdentifier, "native");
        }
        // Wherever else those that are loaded came from, and where the system's loader looks: another PyTorch of the machine, for example.
        string[] names = [.. Always.Concat(WithCuda).Select(FileName)];
        using var process = Process.GetCurrentProcess();
        foreach (var module in process.Modules.Cast<ProcessModule>().Where(module => names.Contains(Path.GetFileName(module.FileName))))
            yield return Path.GetDirectoryName(module.FileName)!;
        var loaders = Environment.GetEnvironmentVariable(OperatingSystem.IsWindows() ? "PATH" : "LD_LIBRARY_PATH") ?? "";
        foreach (var place in loaders.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
            yield return Path.TrimEndingDirectorySeparator(place);
    }

    private static string PortableIdentifier =>
        $"{(OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux")}-{RuntimeInformation.ProcessArchitecture}".ToLowerInvariant();
}
