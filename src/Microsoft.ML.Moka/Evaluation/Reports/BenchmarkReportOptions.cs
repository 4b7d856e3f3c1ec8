using Microsoft.ML.Moka.Evaluation.Reports;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka;

/// <summary>What a <see cref="BenchmarkReport"/> has beside its evaluations.</summary>
public sealed class BenchmarkReportOptions
{
    /// <summary>What the report is called. Default: "Benchmark report".</summary>
    public string Title { get; set; } = "Benchmark report";

    /// <summary>
    /// The <c>report.json</c> of an earlier report, or its folder: each evaluation stands next to the earlier one of the same model name and protocol, with the
    /// difference and whether chance explains it. Not set by default.
    /// </summary>
    public string? ComparedWith { get; set; }

    /// <summary>
    /// The model of the earlier report that all evaluations are compared with, such as the untuned backbone. Default: the one of the same name, or the only one
    /// that was evaluated by the same protocol.
    /// </summary>
    public string? ComparedModel { get; set; }

    /// <summary>
    /// Says before hours of evaluation, and not after them, what is wrong with the earlier report or with the folder that the new one is to be saved to.
    /// </summary>
    /// <param name="folder">What <see cref="BenchmarkReport.Save"/> is going to be given; null if the report will not be saved.</param>
    /// <exception cref="ArgumentException">An option makes no sense, or the earlier report does not have the model.</exception>
    /// <exception cref="FileNotFoundException">There is no earlier report at that place.</exception>
    /// <exception cref="InvalidDataException">The file is no report, or one of another version; the message names file and field.</exception>
    /// <exception cref="IOException">The folder holds something else, which a report would not replace.</exception>
    public void Check(string? folder = null)
    {
        ReadEarlier();
        if (folder is not null)
            AtomicFolder.Check(folder, BenchmarkReport.Belongs);
    }

    internal EarlierReport? ReadEarlier()
    {
        if (string.IsNullOrWhiteSpace(Title))
            throw new ArgumentException($"{nameof(Title)} must be set.");
        if (ComparedModel is not null && ComparedWith is null)
            throw new ArgumentException($"{nameof(ComparedModel)} is set, but not {nameof(ComparedWith)}.");
        var earlier = ComparedWith is { } path ? EarlierReport.Read(path) : null;
        earlier?.Require(ComparedModel);
        return earlier;
    }
}
