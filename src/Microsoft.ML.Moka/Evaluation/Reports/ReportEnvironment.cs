using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace Microsoft.ML.Moka.Evaluation.Reports;

/// <summary>What computed: programs and machine, without its name.</summary>
/// <param name="Moka">Moka's version.</param>
/// <param name="MlNet">ML.NET's version.</param>
/// <param name="DotNet">The runtime.</param>
/// <param name="OperatingSystem">The operating system.</param>
/// <param name="Processor">The processor.</param>
internal sealed record ReportEnvironment(string Moka, string MlNet, string DotNet, string OperatingSystem, string Processor)
{
    public static ReportEnvironment Current { get; } = new(
        VersionOf(typeof(ReportEnvironment).Assembly), VersionOf(typeof(MLContext).Assembly), RuntimeInformation.FrameworkDescription,
        $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}", ProcessorName());

    private static string VersionOf(Assembly assembly) =>
        assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? $"{assembly.GetName().Version}";

    /// <summary>The brand string of x86 (leaves 0x80000002 to 0x80000004); other processors tell none to programs.</summary>
    private static string ProcessorName()
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
