using System.Runtime.InteropServices;
using TorchSharp;

namespace Microsoft.ML.Moka.Torch;

/// <summary>PyTorch and TorchSharp's library over it, which come with packages that the app adds.</summary>
internal static class NativeLibraries
{
    /// <summary>TorchSharp's own.</summary>
    public const string Wrapper = "LibTorchSharp";

    private static readonly Lazy<string?> Found = new(() => ProblemOf(() => torch.cuda.is_available(), Load));

    /// <summary>Why they do not load, and what to do about it; null where they do.</summary>
    public static string? Problem => Found.Value;

    /// <summary>The package that has them with CUDA.</summary>
    public static string CudaPackage => OperatingSystem.IsWindows() ? "TorchSharp-cuda-windows" : "TorchSharp-cuda-linux";

    public static string? Version => typeof(torch).Assembly.GetName().Version?.ToString(3);

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
            return Explain(e, Details(load) ?? e.Message);
        }
    }

    internal static bool IsOfLoading(Exception e) =>
        e is NotSupportedException or DllNotFoundException or TypeInitializationException or EntryPointNotFoundException
        or BadImageFormatException or FileNotFoundException or FileLoadException or InvalidOperationException;

    private static string Explain(Exception e, string details)
    {
        var problem = Root(e) is EntryPointNotFoundException missing
            ? LoaderError.OtherVersion($"belongs to another version of it ({missing.Message.TrimEnd('.')})")
            : LoaderError.Explain(details, Wrapper) ?? new(
                "does not load",
                "add the package TorchSharp-cuda-linux on Linux or TorchSharp-cuda-windows on Windows (TorchSharp-cpu serves without CUDA), " +
                $"of the version {Version} that TorchSharp has");
        return $"TorchSharp {Version}'s native library {problem.What}: {problem.Cure}";
    }

    private static Exception Root(Exception e) => e is TypeInitializationException { InnerException: { } inner } ? Root(inner) : e;

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

    private static void Load() => NativeLibrary.Free(NativeLibrary.Load(Wrapper, typeof(torch).Assembly, DllImportSearchPath.AssemblyDirectory));
}
