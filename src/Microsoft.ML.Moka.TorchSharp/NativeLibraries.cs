using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using TorchSharp;

namespace Microsoft.ML.Moka.Torch;

/// <summary>PyTorch and TorchSharp's library over it, which come with packages that the app adds.</summary>
internal static partial class NativeLibraries
{
    private static readonly Lazy<string?> Found = new(() => ProblemOf(() => torch.cuda.is_available(), Load));

    /// <summary>Why they do not load, and what to do about it; null where they do.</summary>
    public static string? Problem => Found.Value;

    /// <summary>The package that has them with CUDA.</summary>
    public static string CudaPackage => OperatingSystem.IsWindows() ? "TorchSharp-cuda-windows" : "TorchSharp-cuda-linux";

    /// <param name="use">A first call.</param>
    /// <param name="load">
    /// Throws what the system says where the library does not load: TorchSharp's own error lists the places it looked at, and leaves that out.
    /// </param>
    internal static string? ProblemOf(Action use, Action load)
    {
        try
        {
            use();
            return null;
        }
        catch (Exception e) when (IsOfLoading(e))
        {
            return Explain(Details(load) ?? e.Message);
        }
    }

    internal static bool IsOfLoading(Exception e) =>
        e is NotSupportedException or DllNotFoundException or TypeInitializationException or EntryPointNotFoundException
        or BadImageFormatException or FileNotFoundException or FileLoadException or InvalidOperationException;

    private static string Explain(string details)
    {
        var version = typeof(torch).Assembly.GetName().Version?.ToString(3);
        var missing = MissingSymbols().Match(details);
        if (missing.Success)
        {
            return $"TorchSharp {version} needs a newer C++ runtime than this system has ({missing.Groups["name"].Value} is missing): take a system " +
                $"with the libstdc++ of GCC 13 or later "
                + "(Ubuntu 24.04, Debian 13), or name the folder of such a libstdc++.so.6 in LD_LIBRARY_PATH before the app starts";
        }
        return $"TorchSharp's native library does not load: add the package TorchSharp-cuda-linux on Linux or TorchSharp-cuda-windows on Windows " +
            $"(TorchSharp-cpu serves without CUDA), "
            + $"of the version {version} that TorchSharp has";
    }

    private static string? Details(Action load)
    {
        try
        {
            load();
            return null;
        }
        catch (Exception e) when (IsOfLoading(e))
        {
            return e.Message;
        }
    }

    private static void Load() => NativeLibrary.Free(NativeLibrary.Load("LibTorchSharp", typeof(torch).Assembly, DllImportSearchPath.AssemblyDirectory));

    /// <summary>As the loader of Linux says it: version `GLIBCXX_3.4.32' not found.</summary>
    [GeneratedRegex("version [`'](?<name>(GLIBCXX|CXXABI|GLIBC)_[0-9.]+)' not found", RegexOptions.CultureInvariant)]
    private static partial Regex MissingSymbols();
}
