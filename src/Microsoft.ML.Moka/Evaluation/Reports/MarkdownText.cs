using System.Globalization;
using System.Text;

namespace Microsoft.ML.Moka.Evaluation.Reports;

/// <summary>Markdown as it is written line by line.</summary>
internal sealed class MarkdownText
{
    private const string Special = "\\`*_[]<>|#~";

    private readonly StringBuilder _text = new();

    /// <summary>Names of users may hold what Markdown takes for marks.</summary>
    public static string Escaped(string text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (var character in text)
        {
            if (Special.Contains(character))
                escaped.Append('\\');
            escaped.Append(char.IsControl(character) ? ' ' : character);
        }
        return escaped.ToString();
    }

    /// <summary>"36.2".</summary>
    public static string Percent(double share) => (100 * share).ToString("0.0", CultureInfo.InvariantCulture);

    /// <summary>"0.013", "&lt; 0.001".</summary>
    public static string Probability(double probability) =>
        probability < 0.001 ? "< 0.001" : probability.ToString("0.000", CultureInfo.InvariantCulture);

    public MarkdownText Heading(int level, string text) => Block($"{new string('#', level)} {Escaped(text)}");

    public MarkdownText Paragraph(FormattableString text) => Block(text.ToString(CultureInfo.InvariantCulture));

    public MarkdownText Picture(string description, string file) => Block($"![{Escaped(description)}]({file})");

    /// <summary>A table; all columns but the first are numbers where <paramref name="numbers"/> says so. Cells are written as they are.</summary>
    public MarkdownText Table(IReadOnlyList<string> header, IEnumerable<IReadOnlyList<string>> rows, bool numbers = true)
    {
        Line(header).Line([.. header.Select((_, column) => numbers && column > 0 ? "--:" : "---")]);
        foreach (var row in rows)
            Line(row);
        _text.Append('\n');
        return this;
    }

    /// <summary>What opens at a click.</summary>
    public MarkdownText Folded(string summary, Action<MarkdownText> write)
    {
        Block($"<details><summary>{summary}</summary>");
        write(this);
        return Block("</details>");
    }

    /// <summary>Text as it is, in a fence that is longer than any in it.</summary>
    public MarkdownText Verbatim(string text)
    {
        var fence = new string('`', Math.Max(3, 1 + LongestRun(text, '`')));
        return Block($"{fence}text\n{text}\n{fence}");
    }

    public override string ToString() => _text.ToString().TrimEnd('\n') + "\n";

    private static int LongestRun(string text, char character)
    {
        var (longest, run) = (0, 0);
        foreach (var c in text)
            longest = Math.Max(longest, run = c == character ? run + 1 : 0);
        return longest;
    }

    private MarkdownText Block(string text)
    {
        _text.Append(text).Append("\n\n");
        return this;
    }

    private MarkdownText Line(IReadOnlyList<string> cells)
    {
        _text.Append("| ").AppendJoin(" | ", cells).Append(" |\n");
        return this;
    }
}
