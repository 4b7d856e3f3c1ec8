using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Tests.Files;

namespace Microsoft.ML.Moka.Tests.Evaluation.Reports;

public sealed partial class BenchmarkReportTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Run => _folder.File("run");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_report_has_the_numbers_of_the_evaluation()
    {
        var metrics = MadeUp.Metrics("tuned", MadeUp.Task("BoolQ", MadeUp.Answers("1101110-")), MadeUp.Task("PIQA", MadeUp.Answers("0001")));

        var report = new BenchmarkReport([metrics], new BenchmarkReportOptions { Title = "First run" });
        var (markdown, json) = (report.ToMarkdown(), JsonDocument.Parse(report.ToJson()).RootElement);

        Assert.StartsWith("# First run\n", markdown, StringComparison.Ordinal);
        Assert.Contains("| BoolQ | 62.5 | 30.6 to 86.3 | 8 | 5 | 1 | 50.0 (answer1) |", markdown, StringComparison.Ordinal);
        Assert.Contains("| PIQA | 25.0 | 4.6 to 69.9 | 4 | 1 | 0 | 50.0 (answer1) |", markdown, StringComparison.Ordinal);
        Assert.Contains("**43.8**", markdown, StringComparison.Ordinal);
        var evaluation = json.GetProperty("evaluations")[0];
        Assert.Equal(metrics.AverageAccuracy, evaluation.GetProperty("averageAccuracy").GetDouble());
        Assert.Equal("1101110-", evaluation.GetProperty("tasks")[0].GetProperty("outcomes").GetString());
        Assert.Equal([metrics.Tasks[0].Accuracy, metrics.Tasks[1].Accuracy],
            evaluation.GetProperty("tasks").EnumerateArray().Select(task => task.GetProperty("accuracy").GetDouble()));
        Assert.Equal(6 / 12.0, evaluation.GetProperty("allQuestions").GetProperty("accuracy").GetDouble());
        Assert.Equal("sha256:abc", evaluation.GetProperty("settings").GetProperty("backbone").GetString());
        Assert.Equal(PromptTemplate.Alpaca.Text, evaluation.GetProperty("prompt").GetProperty("text").GetString());
    }

    [Fact]
    public void Everything_but_the_times_is_the_same_the_next_time()
    {
        Save("first", seconds: 2);
        Save("second", seconds: 3);

        foreach (var file in Directory.GetFiles(_folder.File("first")).Select(Path.GetFileName))
        {
            var (first, second) = (Read("first", file!), Read("second", file!));
            if (file is "report.json" or "report.md")
                Assert.NotEqual(first, second);
            Assert.Equal(WithoutTimes(first), WithoutTimes(second));
        }

        void Save(string name, double seconds) =>
            new BenchmarkReport([MadeUp.Metrics("tuned", MadeUp.Task("PIQA", MadeUp.Answers("0110"), seconds: seconds))], null,
                DateTimeOffset.UnixEpoch.AddDays(seconds)).Save(_folder.File(name));

        string Read(string name, string file) => File.ReadAllText(Path.Combine(_folder.File(name), file));
    }

    [Fact]
    public void Every_number_of_the_Markdown_is_in_the_JSON()
    {
        var metrics = Tuned();
        metrics.SaveReport(_folder.File("earlier"));
        var report =
            new BenchmarkReport([metrics, MadeUp.Metrics("other", MadeUp.Task("PIQA", MadeUp.Answers("01110001")))],
                new BenchmarkReportOptions { ComparedWith = _folder.File("earlier") });
        var numbers = new HashSet<string>();
        Collect(JsonDocument.Parse(report.ToJson()).RootElement);

        var tables = report.ToMarkdown().Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.Contains('`')).ToList();
        Assert.NotEmpty(tables);
        foreach (Match number in Number().Matches(string.Join('\n', tables[..tables.FindIndex(line => line.StartsWith("| Moka", StringComparison.Ordinal))])))
            Assert.Contains(number.Value, numbers);

        void Collect(JsonElement element)
        {
            if (element.ValueKind == JsonValueKind.Object)
                foreach (var property in element.EnumerateObject())
                    Collect(property.Value);
            else if (element.ValueKind == JsonValueKind.Array)
                foreach (var item in element.EnumerateArray())
                    Collect(item);
            else if (element.ValueKind == JsonValueKind.Number)
                foreach (var format in new[] { "0", "0.0", "0.000", "0.######" })
                    foreach (var value in new[] { element.GetDouble(), 100 * element.GetDouble() })
                        numbers.Add(Math.Abs(value).ToString(format, CultureInfo.InvariantCulture));
            else if (element.ValueKind == JsonValueKind.String)
                foreach (Match number in Number().Matches(element.GetString()!))
                    numbers.Add(number.Value);
        }
    }

    [Fact]
    public void Many_tasks_are_rows_and_not_columns()
    {
        var subjects = Enumerable.Range(1, 20).Select(i => MadeUp.Task($"subject {i}", MadeUp.Answers("1100"))).ToArray();

        var markdown = new BenchmarkReport([MadeUp.Metrics("a", subjects), MadeUp.Metrics("b", subjects[1..])]).ToMarkdown();

        Assert.Contains("| subject 1 | 50.0 |  |\n| subject 2 | 50.0 | 50.0 |\n", markdown, StringComparison.Ordinal);
        Assert.Contains("| **average** | 50.0 | 50.0 |\n", markdown, StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_are_the_same_in_every_culture()
    {
        var culture = CultureInfo.CurrentCulture;
        var expected = new BenchmarkReport([Tuned()], null, DateTimeOffset.UnixEpoch);
        try
        {
            var german = (CultureInfo)CultureInfo.InvariantCulture.Clone();
            (german.NumberFormat.NumberDecimalSeparator, german.NumberFormat.NegativeSign) = (",", "minus");
            CultureInfo.CurrentCulture = german;
            var actual = new BenchmarkReport([Tuned()], null, DateTimeOffset.UnixEpoch);

            Assert.Equal(expected.ToMarkdown(), actual.ToMarkdown());
            Assert.Equal(expected.ToJson(), actual.ToJson());
            Assert.Equal(expected.Pictures, actual.Pictures);
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
        }
    }

    [Fact]
    public void Pictures_are_whole_named_in_the_Markdown_and_described_for_those_who_do_not_see_them()
    {
        var report = new BenchmarkReport(
            [Tuned(), MadeUp.Metrics("writer", new GenerationProtocol(), MadeUp.Task("PIQA", [MadeUp.Written(0, null), MadeUp.Written(1, "answer2")]))]);

        Assert.Equal(
            ["accuracy.svg", "confusion-tuned-likelihood-of-answer-words.svg", "confusion-writer-generation-greedy-32-new-tokens.svg",
                "reliability-tuned-likelihood-of-answer-words.svg"],
            report.Pictures.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, svg) in report.Pictures)
        {
            Assert.Contains($"({name})", report.ToMarkdown(), StringComparison.Ordinal);
            var root = XDocument.Parse(svg).Root!;
            Assert.Equal(["title", "desc"], root.Elements().Take(2).Select(element => element.Name.LocalName));
            Assert.True(root.Element(root.Name.Namespace + "desc")!.Value.Length > 40);
            Assert.Contains("prefers-color-scheme: dark", svg, StringComparison.Ordinal);
            var (width, height) = ((double)root.Attribute("width")!, (double)root.Attribute("height")!);
            foreach (var element in root.Elements())
            {
                Assert.InRange((double?)element.Attribute("x") ?? 0, 0, width);
                Assert.InRange((double?)element.Attribute("y") ?? 0, 0, height);
            }
        }
        Assert.Contains("none", report.Pictures["confusion-writer-generation-greedy-32-new-tokens.svg"], StringComparison.Ordinal);
    }

    [Fact]
    public void Names_of_users_are_no_marks()
    {
        var metrics = MadeUp.Metrics("a|b*c<d>", MadeUp.Task("my\ntask", MadeUp.Answers("10")));

        var report = new BenchmarkReport([metrics], new BenchmarkReportOptions { Title = "<script>" });

        Assert.Contains("| a\\|b\\*c\\<d\\>, likelihood of answer words |", report.ToMarkdown(), StringComparison.Ordinal);
        Assert.Contains("| my task |", report.ToMarkdown(), StringComparison.Ordinal);
        Assert.DoesNotContain("<script>", report.Pictures["accuracy.svg"], StringComparison.Ordinal);
    }

    [Fact]
    public void Long_names_are_cut_in_pictures_and_file_names_alone()
    {
        var name = new string('n', 3000);

        var report = new BenchmarkReport([MadeUp.Metrics(name, MadeUp.Task(name, MadeUp.Answers("10")))], new BenchmarkReportOptions { Title = name });

        Assert.Contains(name, report.ToMarkdown(), StringComparison.Ordinal);
        report.Save(Run);
        Assert.All(report.Pictures.Values, svg => Assert.InRange((double)XDocument.Parse(svg).Root!.Attribute("width")!, 100, 2000));
    }

    [Fact]
    public void Names_that_make_the_same_file_name_have_files_of_their_own()
    {
        var report = new BenchmarkReport(
            [MadeUp.Metrics("a b", MadeUp.Task("PIQA", MadeUp.Answers("10"))), MadeUp.Metrics("a-b", MadeUp.Task("PIQA", MadeUp.Answers("10")))]);

        Assert.Equal(5, report.Pictures.Count);
        Assert.Contains("one evaluation or more", Assert.Throws<ArgumentException>(() => new BenchmarkReport([])).Message, StringComparison.Ordinal);
        var twice = MadeUp.Metrics("a", MadeUp.Task("PIQA", MadeUp.Answers("10")));
        Assert.Contains("names of their own", Assert.Throws<ArgumentException>(() => new BenchmarkReport([twice, twice])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_new_report_replaces_the_earlier_one_as_a_whole()
    {
        new BenchmarkReport([Tuned(), MadeUp.Metrics("other", MadeUp.Task("PIQA", MadeUp.Answers("01")))]).Save(Run);
        Assert.Contains(Directory.GetFiles(Run), path => path.Contains("confusion-other", StringComparison.Ordinal));

        Tuned().SaveReport(Run);

        Assert.DoesNotContain(Directory.GetFiles(Run), path => path.Contains("confusion-other", StringComparison.Ordinal));
        Assert.Equal([Run], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_folder_of_other_files_is_refused_before_the_evaluation()
    {
        var folder = Directory.CreateDirectory(_folder.File("thesis")).FullName;
        new BenchmarkReportOptions().Check(folder);
        File.WriteAllText(Path.Combine(folder, "thesis.tex"), "");

        Assert.Contains("'thesis.tex'", Assert.Throws<IOException>(() => new BenchmarkReportOptions().Check(folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_save_that_fails_leaves_the_earlier_report()
    {
        Tuned().SaveReport(Run);
        var earlier = Directory.GetFiles(Run).ToDictionary(path => path, File.ReadAllText);

        // A disk that is full, and then a file that is not the report's.
        Disk.Use(new FailingDisk(5, DiskFault.Full));
        Assert.ThrowsAny<IOException>(() => MadeUp.Metrics("other", MadeUp.Task("PIQA", MadeUp.Answers("01"))).SaveReport(Run));
        Assert.Equal(earlier, Directory.GetFiles(Run).ToDictionary(path => path, File.ReadAllText));

        Disk.Use(null);
        File.WriteAllText(Path.Combine(Run, "notes.txt"), "mine");
        Assert.Contains("notes.txt", Assert.ThrowsAny<IOException>(() => Tuned().SaveReport(Run)).Message, StringComparison.Ordinal);
        Assert.Equal("mine", File.ReadAllText(Path.Combine(Run, "notes.txt")));
    }

    private static BenchmarkMetrics Tuned() =>
        MadeUp.Metrics("tuned", MadeUp.Task("BoolQ", MadeUp.Answers("1101")), MadeUp.Task("PIQA", MadeUp.Answers("00010111")));

    private static string WithoutTimes(string text) =>
        text[..(text.IndexOf("\n \"times\":", StringComparison.Ordinal) is var json and >= 0
            ? json
            : text.IndexOf("\n## Times", StringComparison.Ordinal) is var markdown and >= 0 ? markdown : text.Length)];

    [GeneratedRegex(@"\d+(\.\d+)?")]
    private static partial Regex Number();
}
