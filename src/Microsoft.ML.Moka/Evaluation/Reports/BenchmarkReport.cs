using System.Text;
using Microsoft.ML.Moka.Evaluation.Reports;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka;

/// <summary>
/// A report on one or several evaluations: as Markdown for readers, as JSON for machines and later comparisons, and with pictures as SVG. What is in it follows
/// from the evaluations alone; only the date and the times, which have a part of their own, are others the next time.
/// </summary>
public sealed class BenchmarkReport
{
    internal const string JsonName = "report.json";
    internal const string MarkdownName = "report.md";
    private const string PictureEnding = ".svg";

    private readonly ReportContent _content;

    /// <summary>Makes a report.</summary>
    /// <param name="evaluations">
    /// What <see cref="BenchmarkCatalog.EvaluateBenchmarks(MulticlassClassificationCatalog, ITransformer, string, BenchmarkOptions, string)"/> and
    /// <see cref="BenchmarkCatalog.EvaluateBackbone"/> returned: models, backbones and protocols in any number, each pair of model name and protocol once.
    /// </param>
    /// <param name="options">Title and comparison; the defaults if not given.</param>
    /// <exception cref="ArgumentException">
    /// There is no evaluation, two have the same names, or the model to compare with is not in the earlier report.
    /// </exception>
    /// <exception cref="FileNotFoundException">There is no earlier report at that place.</exception>
    /// <exception cref="InvalidDataException">The file to compare with is no report, or one of another version; the message names file and field.</exception>
    public BenchmarkReport(IEnumerable<BenchmarkMetrics> evaluations, BenchmarkReportOptions? options = null)
        : this(evaluations, options, DateTimeOffset.UtcNow)
    {
    }

    internal BenchmarkReport(IEnumerable<BenchmarkMetrics> evaluations, BenchmarkReportOptions? options, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(evaluations);
        _content = ReportContent.Of([.. evaluations], options ?? new BenchmarkReportOptions(), now);
        Pictures = ReportPictures.Of(_content).ToDictionary(picture => picture.Name + PictureEnding, picture => picture.Svg, StringComparer.Ordinal);
    }

    /// <summary>The pictures as SVG, by the names of their files.</summary>
    public IReadOnlyDictionary<string, string> Pictures { get; }

    /// <summary>The report as Markdown, which refers to the pictures by the names of their files.</summary>
    /// <returns>The text of <c>report.md</c>.</returns>
    public string ToMarkdown() => ReportMarkdown.Of(_content);

    /// <summary>The report as JSON, with every number that the Markdown has.</summary>
    /// <returns>The text of <c>report.json</c>.</returns>
    public string ToJson() => ReportJson.Write(_content);

    /// <summary>Saves <c>report.md</c>, <c>report.json</c> and the pictures.</summary>
    /// <param name="folder">
    /// The folder. An earlier report in it is replaced as a whole when the new one is on the disk, unless it holds files of another kind.
    /// </param>
    /// <exception cref="IOException">The folder holds something else, or cannot be written.</exception>
    public void Save(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var files = new Dictionary<string, string>(Pictures, StringComparer.Ordinal) { [MarkdownName] = ToMarkdown(), [JsonName] = ToJson() };
        AtomicFolder.Write(
            folder, Belongs,
            temporary =>
            {
                foreach (var (name, text) in files)
                    NewFile.Write(Path.Combine(temporary, name), Encoding.UTF8.GetBytes(text));
            });
    }

    internal static bool Belongs(string name) => name is MarkdownName or JsonName || name.EndsWith(PictureEnding, StringComparison.Ordinal);

    /// <summary>The report's Markdown.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => ToMarkdown();
}
