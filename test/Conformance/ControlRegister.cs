using Microsoft.ML.Moka.Tensors.Cpu.Tiles;

namespace Microsoft.ML.Moka.Conformance;

/// <summary>
/// MXCSR, the register of x64 that says what this thread's vector unit makes of denormal numbers and notes whether it has met one: through two instructions
/// that .NET has no names for.
/// </summary>
internal static unsafe class ControlRegister
{
    /// <summary>Set once an operand was denormal, until it is cleared.</summary>
    public const uint DenormalMet = 2;

    /// <summary>Denormal operands count as 0 (bit 6), and denormal results become 0 (bit 15).</summary>
    public const uint DenormalsAreZero = 0x8040;

    // stmxcsr [rdi]; ret and ldmxcsr [rdi]; ret, or on Windows [rcx].
    private static readonly byte* Store = (byte*)ExecutableMemory.Load([0x0F, 0xAE, OperatingSystem.IsWindows() ? (byte)0x19 : (byte)0x1F, 0xC3]);
    private static readonly byte* Load = (byte*)ExecutableMemory.Load([0x0F, 0xAE, OperatingSystem.IsWindows() ? (byte)0x11 : (byte)0x17, 0xC3]);

    public static uint Get()
    {
        uint value;
        ((delegate* unmanaged<uint*, void>)Store)(&value);
        return value;
    }

    public static void Set(uint value) => ((delegate* unmanaged<uint*, void>)Load)(&value);
}
