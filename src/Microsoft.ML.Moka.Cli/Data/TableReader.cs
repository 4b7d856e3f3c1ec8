using System.Text;

namespace Microsoft.ML.Moka.Cli.Data;

/// <summary>Reads CSV, TSV, JSON and JSON lines.</summary>
internal static class TableReader
{
    /// <summary>Reads a file by the ending of its name: .csv, .tsv, .txt (as .tsv), .json, .jsonl or .ndjson.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It cannot be read; the message names file and line.</exception>
    public static Table Read(string path)
    {
        if (Directory.Exists(path))
            throw new InvalidDataException($"'{path}' is a folder; name a file.");
        if (!File.Exists(path))
            throw new FileNotFoundException($"There is no file '{path}'.", path);
        var table = Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".csv" or ".tsv" or ".txt" => SeparatedText.Read(path, TextOf(path)),
            ".json" or ".jsonl" or ".ndjson" => JsonTable.Read(path, Encoding.UTF8.GetBytes(TextOf(path))),
            _ => throw new InvalidDataException($"'{path}' is no kind of file that is read here: its name should end in .csv, .tsv, .json or .jsonl."),
        };
        return table.Rows.Count > 0 ? table : throw new InvalidDataException($"{path} has no rows.");
    }

    private static string TextOf(string path)
    {
        try
        {
            return new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(WithoutMark(File.ReadAllBytes(path)));
        }
        catch (DecoderFallbackException)
        {
            throw new InvalidDataException($"{path} is no UTF-8 text: save it in that encoding.");
        }
    }

    private static ReadOnlySpan<byte> WithoutMark(ReadOnlySpan<byte> bytes) => bytes.StartsWith(Encoding.UTF8.Preamble)
        ? bytes[Encoding.UTF8.Preamble.Length..]
        : bytes;
}
