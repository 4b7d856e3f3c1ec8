using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace Microsoft.ML.Moka.Diagnostics;

/// <summary>The processor as it calls itself.</summary>
internal static class ProcessorName
{
    /// <summary>The brand string of x86 (leaves 0x80000002 to 0x80000004); other processors tell none to programs.</summary>
    public static string Text { get; } = Find();

    private static string Find()
    {
        if (!X86Base.IsSupported || unchecked((uint)X86Base.CpuId(unchecked((int)0x80000000), 0).Eax) < 0x80000004)
            return $"{RuntimeInformation.ProcessArchitecture} processor";
        var name = new byte[48];
        for (var i = 0; i < 3; i++)
        {
            var (a, b, c, d) = X86Base.CpuId(unchecked((int)0x80000002) + i, 0);
            MemoryMarshal.Cast<int, byte>([a, b, c, d]).CopyTo(name.AsSpan(16 * i));
        }
        return string.Join(' ', Encoding.ASCII.GetString(name).Split([' ', '\0'], StringSplitOptions.RemoveEmptyEntries));
    }
}
