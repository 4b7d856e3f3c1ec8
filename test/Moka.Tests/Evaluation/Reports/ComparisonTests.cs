using System.Text.Json.Nodes;
using Microsoft.ML.Moka.Evaluation.Reports;

namespace Microsoft.ML.Moka.Tests.Evaluation.Reports;

public sealed class ComparisonTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Earlier => _folder.File("earlier");

    private string Json => Path.Combine(Earlier, "report.json");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_JSON_is_read_as_it_was_written()
    {
        var metrics = MadeUp.Metrics("tuned", MadeUp.Task("BoolQ", MadeUp.Answers("1101110-")), MadeUp.Task("PIQA", MadeUp.Answers("0001"), "sha256:1"));
        metrics.SaveReport(Earlier, new BenchmarkReportOptions { Title = "The earlier one" });

        var report = EarlierReport.Read(Json);

        Assert.Equal("The earlier one", report.Title);
        var evaluation = Assert.Single(report.Evaluations);
        Assert.Equal(("tuned", "likelihood of answer words"), (evaluation.Model, evaluation.Protocol));
        Assert.Equal(metrics.Settings, evaluation.Settings);
        Assert.Equal([new EarlierTask("BoolQ", "sha256:0", "1101110-", 5), new EarlierTask("PIQA", "sha256:1", "0001", 1)], evaluation.Tasks);
        Assert.Equal(report.Evaluations[0].Tasks, EarlierReport.Read(Earlier).Evaluations[0].Tasks);
    }

    [Fact]
    public void The_example_of_the_docs_is_a_report_of_this_version()
    {
        var folder = Path.Combine(Repository.Root, "docs", "evaluation-example");

        Assert.Equal(2, EarlierReport.Read(folder).Evaluations.Count);
        Assert.All(Directory.GetFiles(folder, "*.svg"), path =>
            Assert.Contains($"({Path.GetFileName(path)})", File.ReadAllText(Path.Combine(folder, "report.md")), StringComparison.Ordinal));
    }

    [Fact]
    public void A_report_that_a_kill_has_set_aside_is_read_where_it_is()
    {
        MadeUp.Metrics("tuned", MadeUp.Task("PIQA", MadeUp.Answers("01"))).SaveReport(Earlier);

        Directory.Move(Earlier, _folder.File(".earlier.01234567.old"));

        foreach (var path in new[] { Earlier, Json })
        {
            Assert.Equal("tuned", EarlierReport.Read(path).Evaluations[0].Model);
        }
    }

    [Fact]
    public void The_same_questions_are_compared_one_by_one()
    {
        // Of 20 questions 9 are only now right, 1 was only right earlier.
        MadeUp.Metrics("tuned", MadeUp.Task("PIQA", MadeUp.Answers("11111111111000000000"))).SaveReport(Earlier);
        var metrics = MadeUp.Metrics("tuned", MadeUp.Task("PIQA", MadeUp.Answers("11111111110111111111")));

        var markdown = Compare(metrics);

        Assert.Contains("| PIQA | 95.0 | 55.0 | +40.0 | 0.021 | **yes** | 20 | 9 | 1 |", markdown, StringComparison.Ordinal);
        Assert.Contains("McNemar", markdown, StringComparison.Ordinal);
        Assert.Contains("with the same settings", markdown, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_a_run_with_more_rows_the_common_ones_are_compared()
    {
        MadeUp.Metrics("tuned", MadeUp.Task("PIQA", MadeUp.Answers("100011"))).SaveReport(Earlier);

        Assert.Contains("| PIQA | 75.0 | 25.0 | +50.0 | 0.500 | no | 4 | 2 | 0 |",
            Compare(MadeUp.Metrics("tuned", MadeUp.Task("PIQA", MadeUp.Answers("1101")))), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_other_questions_only_the_shares_are_compared()
    {
        MadeUp.Metrics("tuned", MadeUp.Task("PIQA", MadeUp.Answers("1000")), MadeUp.Task("SIQA", MadeUp.Answers("10"))).SaveReport(Earlier);
        var metrics = MadeUp.Metrics("tuned", MadeUp.Task("PIQA", MadeUp.Answers("1111"), "sha256:other"), MadeUp.Task("OBQA", MadeUp.Answers("11")));

        var markdown = Compare(metrics);

        // z = 0.75 / √(0.625 · 0.375 / 2)
        Assert.Contains("| PIQA | 100.0 | 25.0 | +75.0 | 0.028 | **yes** |  |  |  |", markdown, StringComparison.Ordinal);
        Assert.Contains("test of two proportions", markdown, StringComparison.Ordinal);
        Assert.Contains("Only now: OBQA; only earlier: SIQA", markdown, StringComparison.Ordinal);
        Assert.Contains("| **average** | 100.0 | 25.0 |", markdown, StringComparison.Ordinal);
    }

    [Fact]
    public void The_model_to_compare_with_is_the_one_of_the_same_name_or_the_chosen_one()
    {
        new BenchmarkReport(
            [MadeUp.Metrics("untuned", MadeUp.Task("PIQA", MadeUp.Answers("0000"))), MadeUp.Metrics("tuned", MadeUp.Task("PIQA", MadeUp.Answers("1110")))])
                .Save(Earlier);
        var metrics = MadeUp.Metrics("tuned", MadeUp.Task("PIQA", MadeUp.Answers("1111")));

        Assert.Contains("Next to the earlier tuned", Compare(metrics), StringComparison.Ordinal);
        var chosen = Compare(metrics, "untuned");
        Assert.Contains("Next to the earlier untuned", chosen, StringComparison.Ordinal);
        Assert.Contains("| adapters | `of untuned` | `of tuned` |", chosen, StringComparison.Ordinal);
        // Two to choose from, and none of that name.
        Assert.Contains("has no evaluation", Compare(MadeUp.Metrics("new", MadeUp.Task("PIQA", MadeUp.Answers("1111")))), StringComparison.Ordinal);
        Assert.Contains("has no evaluation", Compare(MadeUp.Metrics("tuned", new GenerationProtocol(), MadeUp.Task("PIQA", [MadeUp.Written(0, "answer1")]))),
            StringComparison.Ordinal);
        Assert.Contains("'untuned', 'tuned'", Assert.Throws<ArgumentException>(() => Compare(metrics, "absent")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("not JSON", "not valid JSON")]
    [InlineData("[]", "no JSON object")]
    [InlineData("{}", "'schema'")]
    [InlineData("""{"schema":"moka-benchmark-report"}""", "'version'")]
    [InlineData("""{"schema":"moka-benchmark-report","version":2}""", "version 2")]
    [InlineData("""{"schema":"moka-benchmark-report","version":"1"}""", "'version'")]
    [InlineData("""{"schema":"moka-benchmark-report","version":1}""", "'title'")]
    [InlineData("""{"schema":"moka-benchmark-report","version":1,"title":"a"}""", "'evaluations'")]
    [InlineData("""{"schema":"moka-benchmark-report","version":1,"title":"a","evaluations":[3]}""", "'evaluations[0]'")]
    public void A_file_that_is_no_report_is_refused(string content, string message)
    {
        Directory.CreateDirectory(Earlier);
        File.WriteAllText(Json, content);

        Refuse(message);
    }

    [Theory]
    [InlineData("settings", "3")]
    [InlineData("settings", """{"a":3}""")]
    [InlineData("model", "\" \"")]
    [InlineData("protocol", "null")]
    [InlineData("tasks", "[]")]
    [InlineData("tasks[0].rows", "-1")]
    [InlineData("tasks[0].rows", "999999999999")]
    [InlineData("tasks[0].rows", "5")]
    [InlineData("tasks[0].correct", "3")]
    [InlineData("tasks[0].outcomes", "\"11x1\"")]
    [InlineData("tasks[0].outcomes", "\"1101110101\"")]
    [InlineData("tasks[0].data", "[]")]
    [InlineData("tasks[0].task", "\"PIQA\"")]
    public void A_field_that_makes_no_sense_is_named(string field, string value)
    {
        MadeUp.Metrics("tuned", MadeUp.Task("BoolQ", MadeUp.Answers("1001")), MadeUp.Task("PIQA", MadeUp.Answers("0001"))).SaveReport(Earlier);
        var report = JsonNode.Parse(File.ReadAllText(Json))!;
        var (owner, name) = field.StartsWith("tasks[0].", StringComparison.Ordinal)
            ? (report["evaluations"]![0]!["tasks"]![0]!, field[9..])
            : (report["evaluations"]![0]!, field);
        owner[name] = JsonNode.Parse(value);
        File.WriteAllText(Json, report.ToJsonString());

        Refuse("evaluations[0].");
    }

    [Fact]
    public void A_report_that_is_not_there_or_too_large_to_be_one_is_refused()
    {
        Assert.Contains(
            Json, Assert.Throws<FileNotFoundException>(() => Compare(MadeUp.Metrics("tuned", MadeUp.Task("PIQA", MadeUp.Answers("1"))))).Message.Replace(
                $"'{Earlier}'", Json, StringComparison.Ordinal), StringComparison.Ordinal);

        Directory.CreateDirectory(Earlier);
        using (var file = File.Create(Json))
            file.SetLength(1L << 33);
        Refuse("bytes");
    }

    private void Refuse(string message)
    {
        var options = new BenchmarkReportOptions { ComparedWith = Earlier };
        var error = Assert.Throws<InvalidDataException>(() => options.Check());
        Assert.Contains(Json, error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => Compare(MadeUp.Metrics("tuned", MadeUp.Task("PIQA", MadeUp.Answers("1")))));
    }

    private string Compare(BenchmarkMetrics metrics, string? model = null) =>
        new BenchmarkReport([metrics], new BenchmarkReportOptions { ComparedWith = Earlier, ComparedModel = model }).ToMarkdown();
}
