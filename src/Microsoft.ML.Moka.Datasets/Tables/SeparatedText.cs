using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Datasets;

/// <summary>
/// Lines whose first one names the columns, as RFC 4180 has them: a field in quotes may hold separators, doubled quotes and line ends. Programs that write
/// tabs mostly know no quotes: where a file with tabs has one that is misplaced in RFC 4180, all of its quotes are text.
/// </summary>
internal static class SeparatedText
{
    private const char Tab = '\t';

    public static Table Read(string path, string text)
    {
        var separator = SeparatorOf(path, text);
        try
        {
            return Read(path, CsvRecords.Read(new StringReader(text), path, separator), new TableFormat(separator));
        }
        catch (InvalidDataException) when (separator == Tab && text.Contains('"', StringComparison.Ordinal))
        {
            return Read(path, WithoutQuotes(path, text), new TableFormat(separator, HasQuoting: false));
        }
    }

    private static IEnumerable<CsvRecord> WithoutQuotes(string path, string text)
    {
        using var reader = new StringReader(text);
        for (var line = 1; reader.ReadLine() is { } content; line++)
        {
            if (content.Length > 0)
                yield return new CsvRecord(content.Split(Tab), path, line);
        }
    }

    private static Table Read(string path, IEnumerable<CsvRecord> all, TableFormat format)
    {
        using var records = all.GetEnumerator();
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
        return new Table(path, columns, rows, format);
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
            return Tab;
        var counts = new Dictionary<char, int> { [','] = 0, [';'] = 0, [Tab] = 0 };
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
