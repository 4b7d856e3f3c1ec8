using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.Moka.Tensors.Cpu.Tiles;

/// <summary>
/// What multiplies bfloat16 here: AMX's tiles, where this process may use them, or vectors. It is looked up once: the system's permission stays.
/// </summary>
internal static unsafe partial class TileDetection
{
    // Linux, x86-64: arch_prctl and its request for the state of tile data, which is number 18.
    private const long ArchPrctl = 158;
    private const long GetPermitted = 0x1022;
    private const long RequestPermission = 0x1023;
    private const int TileData = 18;

    /// <summary>AVX-512 (5 to 7), the configuration of tiles (17) and their data (18), as XCR0 has them.</summary>
    private const ulong NeededStates = 0x600E0;

    private static readonly Lazy<Found> Detected = new(Detect);
    private static readonly AsyncLocal<Found?> Replacement = new();

    /// <summary>AMX's tiles; null where there are none.</summary>
    public static TileUnit? Amx => Current.Amx;

    /// <summary>Why there is no AMX, as the middle of a sentence; null where there is.</summary>
    public static string? AmxProblem => Current.AmxProblem;

    /// <summary>The vectors that multiply bfloat16 faster than 32-bit floats; null where there are none.</summary>
    public static TileUnit? Vectors => Current.Vectors;

    /// <summary>Why the vectors of bfloat16 that the processor has are not used, as the end of a sentence; null where they are, or where it has none.</summary>
    public static string? VectorsProblem => Current.VectorsProblem;

    private static Found Current => Replacement.Value ?? Detected.Value;

    /// <summary>For tests: other tiles, or none for a reason, for what the caller runs until the result is disposed.</summary>
    internal static IDisposable Replace(TileUnit? amx, string? problem = null, TileUnit? vectors = null, string? vectorsProblem = null)
    {
        Replacement.Value = new Found(amx, problem, vectors, vectorsProblem);
        return new Restoration();
    }

    private static Found Detect()
    {
        var (amx, amxProblem) = Make(FindProblem, () => new AmxTiles());
        var (vectors, vectorsProblem) = VectorTiles.IsSupported ? Make(FindVectorsProblem, () => new VectorTiles()) : default;
        return new Found(amx, amxProblem, vectors, vectorsProblem);
    }

    private static (TileUnit?, string?) Make(Func<string?> findProblem, Func<TileUnit> create)
    {
        try
        {
            return findProblem() is { } problem ? (null, problem) : (create(), null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or OutOfMemoryException)
        {
            return (null, $"the system gives no executable memory ({e.Message})");
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return (null, $"the system cannot be asked for AMX's state ({e.Message})");
        }
    }

    /// <summary>
    /// On a Xeon (Emerald Rapids) VDPBF16PS, which makes two products where a multiply-add makes one, was measured to run at a quarter of the rate of that; on
    /// AMD's Zen 5 a product of matrices takes half the time.
    /// </summary>
    private static string? FindVectorsProblem() => IsIntel ? "its AVX-512 multiplies bfloat16 at half the speed of 32-bit floats" : null;

    /// <summary>Leaf 0 spells "GenuineIntel" in EBX, EDX and ECX.</summary>
    private static bool IsIntel => X86Base.CpuId(0, 0) is (_, 0x756E6547, 0x6C65746E, 0x49656E69);

    private static string? FindProblem()
    {
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64)
            return $"processors of {RuntimeInformation.ProcessArchitecture} have no AMX";
        if (!X86Base.IsSupported || X86Base.CpuId(0, 0).Eax < 7)
            return "the processor has no AMX";
        // Bits 22 and 24: AMX-BF16 and AMX-TILE.
        var features = X86Base.CpuId(7, 0).Edx;
        if ((features >> 22 & 1) == 0 || (features >> 24 & 1) == 0)
            return "the processor has no AMX";
        // Bit 27: OSXSAVE, without which XGETBV is no instruction.
        if ((X86Base.CpuId(1, 0).Ecx >> 27 & 1) == 0)
            return "the system does not save extended states (OSXSAVE)";
        var states = XGetBv();
        if ((states & NeededStates) != NeededStates)
            return $"the system has not switched AMX on (XCR0 is 0x{states:X})";
        if (SimdLevels.Best != SimdLevel.Vector512)
            return "AVX-512, which the kernels around it need, is switched off";
        return OperatingSystem.IsLinux() ? FindLinuxProblem()
            : OperatingSystem.IsWindows() ? FindWindowsProblem()
            : "only Linux and Windows are known to grant AMX";
    }

    private static string? FindLinuxProblem()
    {
        if (SystemCall(ArchPrctl, RequestPermission, TileData) != 0)
            return $"the kernel refuses AMX's state (arch_prctl: {new Win32Exception(Marshal.GetLastPInvokeError()).Message})";
        ulong permitted = 0;
        return SystemCall(ArchPrctl, GetPermitted, (long)&permitted) != 0 || (permitted >> TileData & 1) == 0 ? "the kernel has not granted AMX's state" : null;
    }

    private static string? FindWindowsProblem()
    {
        try
        {
            return EnableProcessOptionalXStateFeatures(1UL << TileData) == 0 ? "Windows refuses AMX's state" : null;
        }
        catch (EntryPointNotFoundException)
        {
            return "this version of Windows knows no AMX";
        }
    }

    private sealed record Found(TileUnit? Amx, string? AmxProblem, TileUnit? Vectors, string? VectorsProblem);

    private sealed class Restoration : IDisposable
    {
        public void Dispose() => Replacement.Value = null;
    }

    /// <summary>XCR0: xor ecx, ecx; xgetbv; shl rdx, 32; or rax, rdx; ret. .NET has no other way to it.</summary>
    private static ulong XGetBv()
    {
        var code = ExecutableMemory.Load([0x31, 0xC9, 0x0F, 0x01, 0xD0, 0x48, 0xC1, 0xE2, 0x20, 0x48, 0x09, 0xD0, 0xC3]);
        return ((delegate* unmanaged<ulong>)code)();
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long SystemCall(long number, long first, long second);

    [LibraryImport("kernel32", SetLastError = true)]
    private static partial int EnableProcessOptionalXStateFeatures(ulong features);
}
