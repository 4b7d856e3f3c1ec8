using System.Text;

namespace Microsoft.ML.Moka.Datasets;

/// <summary>Reads CSV, TSV, JSON, JSON lines, Parquet, and folders of Hugging Face's datasets.</summary>
internal static class TableReader
{
    /// <summary>The endings of the names of files that are read here.</summary>
    public static IReadOnlyList<string> Endings { get; } = [".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet"];

    /// <summary>Reads a file by the ending of its name: .csv, .tsv, .txt (as .tsv), .json, .jsonl, .ndjson or .parquet; or a split of a folder.</summary>
    /// <param name="path">The file or the folder.</param>
    /// <param name="split">Which rows of a folder: train, validation, test or another name; a file has no splits.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It cannot be read; the message names file and line.</exception>
    public static Table Read(string path, string split = DatasetFolder.Train)
    {
        if (Directory.Exists(path))
            return DatasetFolder.Read(path, split);
        var table = ReadFile(path);
        return table.Rows.Count > 0 ? table : throw new InvalidDataException($"{path} has no rows.");
    }

    /// <summary>The rows of a file, which may have none.</summary>
    public static Table ReadFile(string path)
    {
        if (!File.Exists(path))
            throw new FileNotFoundException($"There is no file '{path}'.", path);
        return Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".csv" or ".tsv" or ".txt" => SeparatedText.Read(path, TextOf(path)),
            ".json" or ".jsonl" or ".ndjson" => JsonTable.Read(path, Encoding.UTF8.GetBytes(TextOf(path))),
            ".parquet" => ParquetTable.Read(path),
            _ => throw new InvalidDataException(
                $"'{path}' is no kind of file that is read here: its name should end in .csv, .tsv, .json, .jsonl or .parquet."),
        };
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
