using System.Collections;
using System.Globalization;
using System.Net;

namespace Microsoft.ML.Moka.Notebook;

/// <summary>Writes values as a notebook shows them.</summary>
internal static class Forms
{
    public static void Write(object value, Output output)
    {
        if (value is IEnumerable rows and not string && rows.Cast<object>().ToList() is { Count: > 0 } list)
        {
            var (head, lines) = Table(list);
            output.Data["text/html"] = Html(head, lines);
            output.Data["text/plain"] = Plain(head, lines);
        }
        else
        {
            output.Data["text/plain"] = Text(value);
        }
    }

    private static (string[] Head, List<string[]> Lines) Table(List<object> rows)
    {
        var properties = rows[0].GetType().GetProperties();
        return ([.. properties.Select(property => property.Name)],
            [.. rows.Select(row => properties.Select(property => Text(property.GetValue(row))).ToArray())]);
    }

    private static string Html(string[] head, List<string[]> lines) =>
        $"<table>\n<thead><tr>{Row("th", head)}</tr></thead>\n" +
        $"<tbody>\n{string.Concat(lines.Select(line => $"<tr>{Row("td", line)}</tr>\n"))}</tbody>\n</table>";

    private static string Row(string element, string[] cells) => string.Concat(cells.Select(cell => $"<{element}>{WebUtility.HtmlEncode(cell)}</{element}>"));

    private static string Plain(string[] head, List<string[]> lines)
    {
        var widths = head.Select((name, column) => lines.Max(line => line[column].Length) is var longest && longest > name.Length ? longest : name.Length)
            .ToArray();
        return string.Join('\n', lines.Prepend(head).Select(line => string.Join("  ", line.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd()));
    }

    private static string Text(object? value) => value switch
    {
        null => "",
        float or double => ((IFormattable)value).ToString("0.####", CultureInfo.InvariantCulture),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString()!.ReplaceLineEndings("\n"),
    };
}
