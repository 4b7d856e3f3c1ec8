using System.Text;

namespace Microsoft.ML.Moka.Evaluation.Benchmarks;

/// <summary>A record of a CSV file, and the line that it begins in.</summary>
internal sealed record CsvRecord(string[] Fields, string File, int Line)
{
    public InvalidDataException Error(string problem) => new($"{File}, line {Line}: {problem}.");
}

/// <summary>Reads CSV (RFC 4180) record by record: quoted fields may hold commas, doubled quotes and line ends.</summary>
internal static class CsvRecords
{
    private const int MostCharacters = 1 << 20;

    /// <exception cref="InvalidDataException">A quote has no end, or a record none within reason; the message names file and line.</exception>
    public static IEnumerable<CsvRecord> Read(string path)
    {
        using var reader = new StreamReader(path, Encoding.UTF8);
        for (var (line, next) = (1, 1); reader.Peek() >= 0; line = next)
        {
            var fields = ReadRecord(reader, path, line, out var lines);
            next = line + lines;
            if (fields is not [""])
                yield return new CsvRecord(fields, path, line);
        }
    }

    private static string[] ReadRecord(StreamReader reader, string path, int line, out int lines)
    {
        var fields = new List<string>();
        var field = new StringBuilder();
        var (isQuoted, characters) = (false, 0);
        lines = 0;
        while (true)
        {
            var c = reader.Read();
            if (++characters > MostCharacters)
                throw new InvalidDataException($"{path}, line {line}: a record may have {MostCharacters} characters at most; the quote that begins in this one may have no end.");
            if (c < 0 && isQuoted)
                throw new InvalidDataException($"{path}, line {line}: a quote has no end.");
            if (c == '\n')
                lines++;
            if (c < 0 || (c == '\n' && !isQuoted))
            {
                if (field.Length > 0 && field[^1] == '\r')
                    field.Length--;
                fields.Add(field.ToString());
                return [.. fields];
            }
            if (c == '"' && isQuoted && reader.Peek() == '"')
                field.Append((char)reader.Read());
            else if (c == '"' && (isQuoted || field.Length == 0))
                isQuoted = !isQuoted;
            else if (c == ',' && !isQuoted)
            {
                fields.Add(field.ToString());
                field.Clear();
            }
            else
                field.Append((char)c);
        }
    }
}
