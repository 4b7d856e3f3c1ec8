using System.Globalization;
using System.Reflection;
using TorchSharp;

namespace Microsoft.ML.Moka.Torch;

/// <summary>What there is to say of PyTorch, of its libraries, and of GPUs and their driver.</summary>
/// <param name="files">The libraries.</param>
/// <param name="gpu">The GPU that the program wants; null where it wants none.</param>
internal sealed class TorchFindings(NativeFiles files, int? gpu)
{
    // Ampere: what is older computes with bfloat16 by detours.
    private static readonly Version WithBFloat16 = new(8, 0);

    /// <summary>What a missing GPU is: a failure where one is wanted.</summary>
    private DiagnosticStatus Missing => gpu is null ? DiagnosticStatus.Information : DiagnosticStatus.Failed;

    public IEnumerable<DiagnosticFinding> All() => [.. Packages(), .. files.Examine(), .. Loading(), .. Driver(), .. Gpus()];

    private static IEnumerable<DiagnosticFinding> Packages()
    {
        var (own, engine) = (VersionOf(typeof(TorchFindings).Assembly), VersionOf(typeof(MokaTrainer).Assembly));
        yield return own == engine
            ? new(DiagnosticArea.Program, Tensors.BackendProvider.Package, DiagnosticStatus.Information, own)
            : new(
                DiagnosticArea.Program, Tensors.BackendProvider.Package, DiagnosticStatus.Failed, $"{own}, beside Microsoft.ML.Moka {engine}",
                "Take both packages of one and the same version.");
        yield return new(DiagnosticArea.Program, "TorchSharp", DiagnosticStatus.Information, $"{NativeLibraries.Version}");

        static string VersionOf(Assembly assembly) =>
            (assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? $"{assembly.GetName().Version}").Split('+')[0];
    }

    /// <summary>All of them together, as TorchSharp loads them.</summary>
    private static IEnumerable<DiagnosticFinding> Loading() =>
    [
        NativeLibraries.Problem is { } problem
            ? new(DiagnosticArea.NativeLibrary, "PyTorch", DiagnosticStatus.Failed, "does not load", $"{problem}.")
            : new(DiagnosticArea.NativeLibrary, "PyTorch", DiagnosticStatus.Passed, $"loads; {(HasCudaDevice ? "with CUDA" : "on the CPU alone")}"),
    ];

    private static bool HasCudaDevice => NativeLibraries.Problem is null && torch.cuda.is_available();

    private IEnumerable<DiagnosticFinding> Driver()
    {
        var driver = CudaDriver.Installed;
        if (driver.Problem is { } problem)
        {
            yield return new(
                DiagnosticArea.Gpu, "driver", files.HasCuda ? DiagnosticStatus.Failed : Missing, problem,
                driver.IsThere ? null : "For a GPU: install NVIDIA's driver; a container is started with --gpus all, by the NVIDIA Container Toolkit.");
            yield break;
        }
        var served = driver.CudaVersion;
        var version = $"{CudaDriver.DriverVersion() ?? "of an unknown version"}, for CUDA up to {served}";
        // Within a main version, a program for a later CUDA runs on an earlier driver.
        yield return files.FindLike(OperatingSystem.IsWindows() ? "cudart64_" : "libcudart") is { } path && CudaDriver.RuntimeVersion(path) is { } needed
            && served is not null && needed.Major > served.Major
            ? new(
                DiagnosticArea.Gpu, "driver", DiagnosticStatus.Failed, $"{version}; this PyTorch needs CUDA {needed}",
                $"Install a driver for CUDA {needed.Major} or later.")
            : new(DiagnosticArea.Gpu, "driver", DiagnosticStatus.Passed, version);
    }

    private IEnumerable<DiagnosticFinding> Gpus()
    {
        var driver = CudaDriver.Installed;
        if (HasCudaDevice)
        {
            var count = torch.cuda.device_count();
            for (var number = 0; number < count; number++)
                yield return Describe(number);
            if (gpu >= count)
                yield return new(
                    DiagnosticArea.Gpu, $"cuda:{gpu}", DiagnosticStatus.Failed, $"there {(count == 1 ? "is one GPU" : $"are {count} GPUs")}, counted from 0",
                    "Choose one of them, or see what CUDA_VISIBLE_DEVICES hides.");
            yield break;
        }
        if (driver.Gpus.Count == 0 || NativeLibraries.Problem is not null)
        {
            if (gpu is not null)
                yield return new(DiagnosticArea.Gpu, $"cuda:{gpu}", DiagnosticStatus.Failed, "cannot be used", "See what failed above.");
            yield break;
        }
        foreach (var (number, found) in driver.Gpus.Index())
            yield return new(
                DiagnosticArea.Gpu, $"cuda:{number}", gpu is null ? DiagnosticStatus.Warning : DiagnosticStatus.Failed,
                $"{found.Name}, {Size(found.TotalBytes)}, which PyTorch does not see",
                files.HasCuda
                    ? "See what failed above, and whether CUDA_VISIBLE_DEVICES hides it from this program."
                    : $"Add the package {NativeLibraries.CudaPackage} {NativeLibraries.Version} in the place of TorchSharp-cpu.");
    }

    private static DiagnosticFinding Describe(int number)
    {
        var known = number < CudaDriver.Installed.Gpus.Count ? CudaDriver.Installed.Gpus[number] : null;
        var free = CudaDriver.FreeBytes(number) is { } bytes ? $", {Size(bytes)} free" : "";
        var text = known is null ? $"a GPU{free}" : $"{known.Name}, compute capability {known.ComputeCapability}, {Size(known.TotalBytes)}{free}";
        return known?.ComputeCapability < WithBFloat16
            ? new(
                DiagnosticArea.Gpu, $"cuda:{number}", DiagnosticStatus.Warning, text,
                "It has no units for bfloat16, which GPUs have from Ampere (A100, RTX 30) on: training is slow there.")
            : new(DiagnosticArea.Gpu, $"cuda:{number}", DiagnosticStatus.Passed, text);
    }

    private static string Size(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.0} GB");
}
