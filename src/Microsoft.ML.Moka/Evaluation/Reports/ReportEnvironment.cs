using System.Reflection;
using System.Runtime.InteropServices;

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
        $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}", Diagnostics.ProcessorName.Text);

    private static string VersionOf(Assembly assembly) =>
        assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? $"{assembly.GetName().Version}";
}
