using System.Text;
using Microsoft.ML.Moka.Diagnostics;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka;

/// <summary>
/// What a program has to run Moka on, and whether it works there: runtime and packages, the processor's vectors and AMX, PyTorch's native libraries and the
/// GPUs, some kernels beside the same in double precision, and a few steps of training on each device, with the memory that was planned for them. What does
/// not work comes with what to do about it. <c>moka doctor</c> prints the same from a shell.
/// </summary>
/// <remarks>
/// A run takes a few seconds, and memory for a model of a million parameters. It looks at the process that it runs in: call it in the program whose packages
/// are in question.
/// </remarks>
/// <example><code>
/// var diagnostics = MokaDiagnostics.Run(gpu: 0);
/// Console.WriteLine(diagnostics);
/// return diagnostics.IsHealthy ? 0 : 1;
/// </code></example>
public sealed class MokaDiagnostics
{
    private static readonly Dictionary<DiagnosticArea, string> Titles = new()
    {
        [DiagnosticArea.Program] = "Program",
        [DiagnosticArea.Processor] = "Processor",
        [DiagnosticArea.NativeLibrary] = "Native libraries",
        [DiagnosticArea.Gpu] = "GPU",
        [DiagnosticArea.Kernels] = "Kernels, beside double precision",
        [DiagnosticArea.Training] = "Training, a MoKA adapter on the embedded backbone",
    };

    private MokaDiagnostics(IReadOnlyList<DiagnosticFinding> findings) => Findings = findings;

    /// <summary>What was found, by area.</summary>
    public IReadOnlyList<DiagnosticFinding> Findings { get; }

    /// <summary>Whether nothing failed.</summary>
    public bool IsHealthy => Findings.All(finding => finding.Status != DiagnosticStatus.Failed);

    /// <summary>Looks at everything. What goes wrong on the way is a finding, and no exception.</summary>
    /// <param name="gpu">
    /// The number of the GPU that the program needs, as in <see cref="MLContext.GpuDeviceId"/>: where it cannot be used, that is a failure. Null, the default,
    /// where a GPU is welcome and not needed.
    /// </param>
    /// <param name="cancellationToken">Ends the run between two checks.</param>
    /// <returns>What was found.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="gpu"/> is negative.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    public static MokaDiagnostics Run(int? gpu = null, CancellationToken cancellationToken = default) => Run(BackendProvider.Installed, gpu, cancellationToken);

    /// <inheritdoc cref="Run(int?, CancellationToken)"/>
    internal static MokaDiagnostics Run(BackendProvider provider, int? gpu, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(gpu ?? 0, nameof(gpu));
        var findings = new List<DiagnosticFinding>();
        findings.AddRange(ProgramFindings.All());
        try
        {
            findings.AddRange(provider.Examine(gpu));
        }
        catch (Exception e)
        {
            findings.Add(new(
                DiagnosticArea.Gpu, BackendProvider.Package, DiagnosticStatus.Failed, $"{e.GetType().Name}: {e.Message}", "Report it with this text."));
        }
        findings.AddRange(new DeviceFindings().All(provider, cancellationToken));
        // Packages are the provider's as well.
        return new MokaDiagnostics([.. findings.OrderBy(finding => finding.Area)]);
    }

    /// <summary>A line for each finding, under its area; below it, behind an arrow, what to do.</summary>
    /// <returns>The text.</returns>
    public override string ToString()
    {
        var text = new StringBuilder();
        var width = Findings.Max(finding => finding.Name.Length);
        foreach (var area in Findings.GroupBy(finding => finding.Area))
        {
            text.Append(Titles[area.Key]).Append('\n');
            foreach (var finding in area)
            {
                text.Append("  ").AppendJoin("  ", Mark(finding.Status), finding.Name.PadRight(width), finding.Value).Append('\n');
                if (finding.Remedy is { } remedy)
                    text.Append(' ', 10).Append("→ ").Append(remedy).Append('\n');
            }
        }
        var failed = Findings.Count(finding => finding.Status == DiagnosticStatus.Failed);
        return text.Append(failed == 0 ? "Nothing failed." : $"{failed} failed.").ToString();
    }

    private static string Mark(DiagnosticStatus status) => status switch
    {
        DiagnosticStatus.Passed => "ok    ",
        DiagnosticStatus.Warning => "note  ",
        DiagnosticStatus.Failed => "FAILED",
        _ => "      ",
    };
}
