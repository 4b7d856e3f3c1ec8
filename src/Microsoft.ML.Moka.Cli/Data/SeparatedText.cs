using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Cli.Data;

/// <summary>Lines whose first one names the columns, as RFC 4180 has them: a field in quotes may hold separators, doubled quotes and line ends.</summary>
internal static class SeparatedText
{
    public static Table Read(string path, string text)
    {
        var separator = SeparatorOf(path, text);
        using var records = CsvRecords.Read(new StringReader(text), path, separator).GetEnumerator();
        if (!records.MoveNext())
            throw new InvalidDataException($"{path} is empty: its first line should name the columns.");
        var columns = Columns(records.Current);
        var rows = new List<TableRow>();
        while (records.MoveNext())
        {
            var record = records.Current;
            if (record.Fields.Length != columns.Count)
                throw record.Error($"there are {record.Fields.Length} fields, and the first line names {columns.Count} columns");
            rows.Add(new TableRow(record.Line, record.Fields));
        }
        return new Table(path, columns, rows, new TableFormat(separator));
    }

    private static List<string> Columns(CsvRecord header)
    {
        var columns = header.Fields.Select(name => name.Trim()).ToList();
        for (var i = 0; i < columns.Count; i++)
        {
            if (columns[i].Length == 0)
                throw header.Error($"column {i + 1} has no name; the first line should name the columns");
            if (columns.IndexOf(columns[i]) < i)
                throw header.Error($"two columns are named '{columns[i]}'");
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
