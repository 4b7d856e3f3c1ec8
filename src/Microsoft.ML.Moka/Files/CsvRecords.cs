using System.Text;

namespace Microsoft.ML.Moka.Files;

/// <summary>A record of a CSV file, and the line that it begins in.</summary>
internal sealed record CsvRecord(string[] Fields, string File, int Line)
{
    public InvalidDataException Error(string problem) => new($"{File}, line {Line}: {problem}.");
}

/// <summary>
/// Reads CSV (RFC 4180) record by record: quoted fields may hold separators, doubled quotes and line ends. What the standard does not know is refused, for
/// programs read it each in their own way.
/// </summary>
/// <remarks>Of our own, for it is a page long, holds one record in memory, and spares the package a dependency.</remarks>
internal static class CsvRecords
{
    private const int MostCharacters = 1 << 20;

    private enum Place { Start, Plain, Quoted, BehindQuote }

    /// <summary>The records of a UTF-8 file with commas; empty lines are passed over.</summary>
    /// <exception cref="InvalidDataException">A quote is misplaced or has no end, or a record none within reason; the message names file and line.</exception>
    public static IEnumerable<CsvRecord> Read(string path)
    {
        using var reader = new StreamReader(path, Encoding.UTF8);
        foreach (var record in Read(reader, path, ','))
            yield return record;
    }

    /// <param name="reader">The text.</param>
    /// <param name="file">What errors call it.</param>
    /// <param name="separator">What stands between two fields.</param>
    /// <inheritdoc cref="Read(string)"/>
    public static IEnumerable<CsvRecord> Read(TextReader reader, string file, char separator)
    {
        for (var (line, next) = (1, 1); reader.Peek() >= 0; line = next)
        {
            var record = new CsvRecord(ReadFields(reader, file, line, separator, out var lines), file, line);
            next = line + lines;
            if (record.Fields is not [""])
                yield return record;
        }
    }

    private static string[] ReadFields(TextReader reader, string file, int line, char separator, out int lines)
    {
        var fields = new List<string>();
        var field = new StringBuilder();
        var place = Place.Start;
        lines = 0;
        for (var characters = 1; ; characters++)
        {
            var c = reader.Read();
            if (characters > MostCharacters)
                throw Error(line, $"a record may have {MostCharacters} characters at most; the quote that begins in this one may have no end");
            var endsLine = c == '\n' || (c == '\r' && reader.Peek() != '\n');
            if (endsLine)
                lines++;
            if (place == Place.Quoted)
            {
                if (c < 0)
                    throw Error(line, "a quote has no end: the field that it begins is never closed");
                if (c != '"')
                    field.Append((char)c);
                else if (reader.Peek() == '"')
                    field.Append((char)reader.Read());
                else
                    place = Place.BehindQuote;
            }
            else if (c < 0 || endsLine)
            {
                fields.Add(field.ToString());
                return [.. fields];
            }
            else if (c == separator)
            {
                fields.Add(field.ToString());
                field.Clear();
                place = Place.Start;
            }
            else if (c == '\r')
            {
                // The line end's second half follows.
            }
            else if (place == Place.BehindQuote)
            {
                throw Error(line + lines, "a field in quotes goes on after its closing quote; quotes inside a field are written twice");
            }
            else if (c != '"')
            {
                field.Append((char)c);
                place = Place.Plain;
            }
            else if (place == Place.Start)
            {
                place = Place.Quoted;
            }
            else
            {
                throw Error(line + lines, "a quote stands in a field without quotes: put quotes around the field, and write those inside twice");
            }
        }

        InvalidDataException Error(int at, string problem) => new($"{file}, line {at}: {problem}.");
    }
}
