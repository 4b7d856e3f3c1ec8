using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Microsoft.ML.Moka.Tensors.Counting;

namespace Microsoft.ML.Moka.Tensors;

/// <summary>What a package with a backend for GPUs brings. The package's assembly names it in a <see cref="BackendProviderAttribute"/>.</summary>
internal abstract class BackendProvider
{
    /// <summary>The package, and the name of its assembly, that is looked for beside the app.</summary>
    public const string Package = "Microsoft.ML.Moka.TorchSharp";

    private static readonly Lazy<BackendProvider> Found = new(() => Find(Package));

    private static BackendProvider? _replacement;

    /// <summary>The provider of this process; its package need not be there.</summary>
    public static BackendProvider Installed => Volatile.Read(ref _replacement) ?? Found.Value;

    /// <summary>How the provider names a device, in logs and where backbones in memory are told apart.</summary>
    public abstract string DeviceName(int gpu);

    /// <summary>Why the GPU of that number cannot be used, and what to do about it; null where it can.</summary>
    public abstract string? Problem(int gpu);

    /// <summary>The backend of the GPU, which has no problem.</summary>
    public abstract Backend Create(int gpu);

    /// <summary>The same kernels without a GPU, to be checked and measured; slower than the CPU's own backend.</summary>
    public abstract Backend CreateOnCpu();

    /// <summary>The free memory of the GPU; null where that is not known.</summary>
    public abstract long? AvailableBytes(int gpu);

    /// <summary>What there is to say of the package's native libraries, of GPUs and of their driver.</summary>
    /// <param name="gpu">The GPU that the program wants; null where it wants none.</param>
    public virtual IReadOnlyList<DiagnosticFinding> Examine(int? gpu) => [];

    /// <summary>Every device of the package that works, in each of its precisions.</summary>
    public virtual IReadOnlyList<CheckedDevice> Devices() => [];

    /// <summary>For tests: another provider until the result is disposed.</summary>
    internal static IDisposable Replace(BackendProvider provider) => new Replacement(provider);

    /// <summary>Looks for the package's assembly. Nothing that goes wrong here may stop an app that wants no GPU.</summary>
    internal static BackendProvider Find(string assemblyName)
    {
        try
        {
            var assembly = Assembly.Load(new AssemblyName(assemblyName));
            return assembly.GetCustomAttribute<BackendProviderAttribute>() is { } found
                ? (BackendProvider)Activator.CreateInstance(found.Provider, nonPublic: true)!
                : new NoBackendProvider($"the assembly {assemblyName} brings no backend: it belongs to another version of Microsoft.ML.Moka");
        }
        catch (FileNotFoundException)
        {
            var natives = OperatingSystem.IsWindows() ? "TorchSharp-cuda-windows" : "TorchSharp-cuda-linux";
            return new NoBackendProvider($"the app does not have the package {assemblyName}: add it, and {natives} for CUDA");
        }
        catch (Exception e) when (e is FileLoadException or BadImageFormatException or TypeLoadException or TargetInvocationException or MissingMethodException)
        {
            return new NoBackendProvider($"the package {assemblyName} does not load ({e.Message}): it has to be of the same version as Microsoft.ML.Moka");
        }
    }

    private sealed class Replacement : IDisposable
    {
        public Replacement(BackendProvider provider) => Volatile.Write(ref _replacement, provider);

        public void Dispose() => Volatile.Write(ref _replacement, null);
    }

    private sealed class NoBackendProvider(string problem) : BackendProvider
    {
        public override string DeviceName(int gpu) => throw new InvalidOperationException(problem);

        public override string Problem(int gpu) => problem;

        public override Backend Create(int gpu) => throw new InvalidOperationException(problem);

        public override Backend CreateOnCpu() => throw new InvalidOperationException(problem);

        public override long? AvailableBytes(int gpu) => null;

        public override IReadOnlyList<DiagnosticFinding> Examine(int? gpu) =>
        [
            new(
                DiagnosticArea.Gpu, Package, gpu is null ? DiagnosticStatus.Information : DiagnosticStatus.Failed, "no GPU is used", $"{problem}."),
        ];
    }
}

/// <summary>A device in one precision, as <see cref="MokaDiagnostics"/> checks it.</summary>
/// <param name="Name">"cuda:0, bfloat16".</param>
/// <param name="RelativeError">By how much a product may be off, of its typical size.</param>
/// <param name="Memory">What a plan of its memory depends on; null where there is none.</param>
/// <param name="Create">Makes the backend.</param>
/// <param name="FreeBytes">The device's free memory now; null where that is not known.</param>
internal sealed record CheckedDevice(string Name, double RelativeError, MemoryTraits? Memory, Func<Backend> Create, Func<long?> FreeBytes)
{
    /// <summary>Bounds of <see cref="RelativeError"/>: ten times and more of what a sound device shows.</summary>
    public const double Float32Error = 1e-5;

    /// <inheritdoc cref="Float32Error"/>
    public const double SplitError = 1e-4;

    /// <inheritdoc cref="Float32Error"/>
    public const double BFloat16Error = 2e-2;
}

/// <summary>Names the <see cref="BackendProvider"/> of an assembly.</summary>
[AttributeUsage(AttributeTargets.Assembly)]
internal sealed class BackendProviderAttribute(
    [DynamicallyAccessedMembers(BackendProviderAttribute.Constructor)] Type provider) : Attribute
{
    // A trimmed program keeps what the provider is made by.
    internal const DynamicallyAccessedMemberTypes Constructor =
        DynamicallyAccessedMemberTypes.PublicParameterlessConstructor | DynamicallyAccessedMemberTypes.NonPublicConstructors;

    [DynamicallyAccessedMembers(Constructor)]
    public Type Provider { get; } = provider;
}
