using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Tensors.Cpu.Tiles;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Moka.Diagnostics;

/// <summary>What there is to say of the program and the processor.</summary>
internal static class ProgramFindings
{
    private const string Switches = "DOTNET_EnableAVX512=0, DOTNET_EnableAVX2=0, DOTNET_EnableAVX=0 and DOTNET_EnableHWIntrinsic=0 take them away";

    public static IEnumerable<DiagnosticFinding> All() => [.. Program(), .. Processor()];

    private static IEnumerable<DiagnosticFinding> Program()
    {
        yield return Fact(DiagnosticArea.Program, ".NET", $"{Environment.Version}, {RuntimeInformation.RuntimeIdentifier}, {RuntimeInformation.OSDescription}");
        yield return Fact(DiagnosticArea.Program, "Microsoft.ML.Moka", VersionOf(typeof(ProgramFindings).Assembly));
        yield return Fact(DiagnosticArea.Program, "Microsoft.ML", VersionOf(typeof(MLContext).Assembly));
        yield return Fact(DiagnosticArea.Program, "Microsoft.ML.Tokenizers", VersionOf(typeof(Tokenizer).Assembly));
        var free = HostMemory.AvailableBytes();
        yield return Fact(DiagnosticArea.Program, "memory", $"{MemoryPlan.Size(free)} free");
    }

    private static IEnumerable<DiagnosticFinding> Processor()
    {
        var threads = Workers.UsualThreads;
        yield return Fact(DiagnosticArea.Processor, "processor", string.Create(
            CultureInfo.InvariantCulture,
            $"{ProcessorName.Text}, {Environment.ProcessorCount} for this program, {threads} for a kernel"));
        var best = SimdLevels.Best;
        yield return best switch
        {
            SimdLevel.Vector512 => Passed("vectors", "512 bits (AVX-512)"),
            SimdLevel.Vector256 => Passed("vectors", "256 bits (AVX2)"),
            SimdLevel.Vector128 when !X86Base.IsSupported => Passed("vectors", "128 bits (NEON)"),
            SimdLevel.Vector128 => new(
                DiagnosticArea.Processor, "vectors", DiagnosticStatus.Warning, "128 bits (SSE): the processor has no AVX2, or it is switched off",
                $"Look into the environment: {Switches}."),
            _ => new(
                DiagnosticArea.Processor, "vectors", DiagnosticStatus.Warning, "none: kernels are plain loops, many times as slow",
                $"Look into the environment: {Switches}."),
        };
        yield return TileDetection.AmxProblem is { } problem
            ? Fact(
                DiagnosticArea.Processor, "AMX",
                $"not used: {problem}; products are computed in Float32{Choice}")
            : Passed("AMX", "tiles of bfloat16; Precision can be Split, the usual choice, or BFloat16");

        static DiagnosticFinding Passed(string name, string value) => new(DiagnosticArea.Processor, name, DiagnosticStatus.Passed, value);
    }

    private static string Choice =>
        TileDetection.Vectors is not null ? ", by choice in BFloat16 on AVX-512"
        : TileDetection.VectorsProblem is { } problem ? $", for {problem}"
        : "";

    private static DiagnosticFinding Fact(DiagnosticArea area, string name, string value) => new(area, name, DiagnosticStatus.Information, value);

    /// <summary>A package's version, without the commit behind it.</summary>
    public static string VersionOf(Assembly assembly)
    {
        var version = assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? $"{assembly.GetName().Version}";
        return version.Split('+')[0];
    }
}
