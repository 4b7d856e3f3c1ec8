using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;

namespace Microsoft.ML.Moka.Cli.Data;

/// <summary>Lines whose first one names the columns, as RFC 4180 has them: a field in quotes may hold separators, doubled quotes and line ends.</summary>
internal static class SeparatedText
{
    public static Table Read(string path, string text)
    {
        var separator = SeparatorOf(path, text);
        var line = 1;
        var configuration = new CsvConfiguration(CultureInfo.InvariantCulture)
        {
            Delimiter = separator.ToString(),
            IgnoreBlankLines = true,
            BadDataFound = _ => throw new InvalidDataException(
                $"{path}, line {line}: a field in quotes is never closed, or goes on after its closing quote, or a quote stands in a field without quotes; quotes inside a field are written twice."),
        };
        using var parser = new CsvParser(new StringReader(text), configuration);
        if (!parser.Read())
            throw new InvalidDataException($"{path} is empty: its first line should name the columns.");
        var columns = Columns(path, parser.Record!);
        var rows = new List<TableRow>();
        line = parser.RawRow + 1;
        while (parser.Read())
        {
            var record = parser.Record!;
            if (record.Length != columns.Count)
                throw new InvalidDataException($"{path}, line {line}: there are {record.Length} fields, and the first line names {columns.Count} columns.");
            rows.Add(new TableRow(line, record));
            line = parser.RawRow + 1;
        }
        return new Table(path, columns, rows, new TableFormat(separator));
    }

    private static List<string> Columns(string path, string[] header)
    {
        var columns = header.Select(name => name.Trim()).ToList();
        for (var i = 0; i < columns.Count; i++)
        {
            if (columns[i].Length == 0)
                throw new InvalidDataException($"{path}, line 1: column {i + 1} has no name; the first line should name the columns.");
            if (columns.IndexOf(columns[i]) < i)
                throw new InvalidDataException($"{path}, line 1: two columns are named '{columns[i]}'.");
        }
        return columns;
    }

    /// <summary>The tab in a .tsv; else what the first line has most of, outside of quotes.</summary>
    private static char SeparatorOf(string path, string text)
    {
        if (!path.EndsWith(".csv", StringComparison.OrdinalIgnoreCase))
            return '\t';
        var counts = new Dictionary<char, int> { [','] = 0, [';'] = 0, ['\t'] = 0 };
        var isQuoted = false;
        foreach (var character in text.TakeWhile(character => isQuoted || character is not ('\r' or '\n')))
        {
            if (character == '"')
                isQuoted = !isQuoted;
            else if (!isQuoted && counts.TryGetValue(character, out var count))
                counts[character] = count + 1;
        }
        return counts.MaxBy(count => count.Value).Key;
    }
}
