using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Evaluation;

/// <summary>
/// The answers of an evaluation as they come: JSON lines, first what determines the answers, then a line for each batch. Lines are only added, and a line that
/// was being written when the process died is dropped, so that an evaluation goes on where it was interrupted. Each line ends with the SHA-256 of
/// the first line and itself.
/// </summary>
internal sealed class ResultsFile : IDisposable
{
    private const string Format = "moka-evaluation-2";

    private const string HashField = ",\"sha256\":\"";

    private readonly Stream _stream;
    private byte[] _header = [];

    private ResultsFile(Stream stream) => _stream = stream;

    /// <summary>The batches of earlier runs, in their order.</summary>
    public IReadOnlyList<AnsweredBatch> Batches { get; private set; } = [];

    /// <summary>Opens the file, or begins it.</summary>
    /// <exception cref="InvalidOperationException">It holds an evaluation of other settings.</exception>
    /// <exception cref="InvalidDataException">It is damaged, or something else.</exception>
    public static ResultsFile Open(string path, IReadOnlyDictionary<string, string> settings)
    {
        // Two evaluations must not write to one file.
        var stream = Disk.Current.OpenLog(path);
        try
        {
            var file = new ResultsFile(stream);
            var batches = new List<AnsweredBatch>();
            var end = 0L;
            var number = 0;
            foreach (var (line, next) in file.WholeLines(path))
            {
                if (number++ == 0)
                    file.ReadHeader(line, path, settings);
                else
                    batches.Add(Parse(file.Checked(line, path, number), ResultsJson.Default.AnsweredBatch, path, number));
                end = next;
            }
            CheckOrder(batches, path);
            file.Batches = batches;
            stream.SetLength(end);
            stream.Position = end;
            if (number == 0)
                file.Write(new ResultsHeader(Format, settings), ResultsJson.Default.ResultsHeader);
            return file;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Adds a batch; it is on the disk when the call returns.</summary>
    public void Add(AnsweredBatch batch) => Write(batch, ResultsJson.Default.AnsweredBatch);

    public void Dispose() => _stream.Dispose();

    private void Write<T>(T line, JsonTypeInfo<T> type)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(line, type);
        if (_header.Length == 0)
            _header = body;
        _stream.Write([.. body.AsSpan()[..^1], .. Encoding.ASCII.GetBytes($"{HashField}{HashOf(body)}\"}}\n")]);
        Disk.Current.Flush(_stream);
    }

    private string HashOf(ReadOnlySpan<byte> body)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(_header);
        hash.AppendData(body);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>A line without its hash.</summary>
    private byte[] Checked(ReadOnlyMemory<byte> line, string path, int number)
    {
        var body = Body(line.Span) ?? throw Changed(path, number, "it ends without its SHA-256");
        return line.Span.EndsWith(Encoding.ASCII.GetBytes($"{HashField}{HashOf(body)}\"}}")) ? body : throw Changed(path, number, "its SHA-256 is another");
    }

    private static byte[]? Body(ReadOnlySpan<byte> line) =>
        line.LastIndexOf(Encoding.ASCII.GetBytes(HashField)) is var end and >= 0 ? [.. line[..end], (byte)'}'] : null;

    private static InvalidDataException Changed(string path, int number, string how) => new(
        $"{path}, line {number}: the line was changed since it was written: {how}. Delete the file, or choose another folder.");

    private void ReadHeader(ReadOnlyMemory<byte> line, string path, IReadOnlyDictionary<string, string> settings)
    {
        var body = Body(line.Span);
        var header = Parse(body ?? line, ResultsJson.Default.ResultsHeader, path, 1);
        CheckFormat(header, path);
        _header = body ?? [];
        Checked(line, path, 1);
        CheckSettings(header, path, settings);
    }

    /// <summary>The lines that have an end, each with the place behind it.</summary>
    private IEnumerable<(ReadOnlyMemory<byte> Line, long Next)> WholeLines(string path)
    {
        if (_stream.Length > Array.MaxLength)
            throw new InvalidDataException(FormattableString.Invariant($"{path} has {_stream.Length:N0} bytes: that is no file of answers."));
        var content = new byte[_stream.Length];
        _stream.ReadExactly(content);
        for (var start = 0; Array.IndexOf(content, (byte)'\n', start) is var end and >= 0; start = end + 1)
            yield return (content.AsMemory(start, end - start), end + 1);
    }

    private static T Parse<T>(ReadOnlyMemory<byte> line, JsonTypeInfo<T> type, string path, int number)
    {
        try
        {
            var value = JsonSerializer.Deserialize(line.Span, type) ?? throw new JsonException("null");
            if (value is AnsweredBatch batch)
                CheckAnswers(batch);
            return value;
        }
        catch (JsonException e)
        {
            throw new InvalidDataException(
                $"{path}, line {number}: this is no line of answers ({e.Message.TrimEnd('.')}). Delete the file, or choose another folder.", e);
        }
    }

    /// <summary>What the types of the fields do not say.</summary>
    private static void CheckAnswers(AnsweredBatch batch)
    {
        foreach (var answer in batch.Answers)
        {
            if (answer is null || answer.Candidates.Any(candidate => candidate is null))
                throw new JsonException("null in a list");
            if (answer.LogLikelihoods is { } scores && (scores.Count != answer.Candidates.Count || !scores.All(double.IsFinite)))
                throw new JsonException("candidates without scores");
        }
    }

    private static void CheckFormat(ResultsHeader header, string path)
    {
        if (header.Format != Format)
            throw new InvalidDataException(
                $"{path}, line 1: the file is of the format '{header.Format}'; this version reads '{Format}'. Delete the file, or choose another folder.");
    }

    private static void CheckSettings(ResultsHeader header, string path, IReadOnlyDictionary<string, string> settings)
    {
        var differing = settings.Keys.Union(header.Settings.Keys).Order(StringComparer.Ordinal)
            .Where(key => settings.GetValueOrDefault(key) != header.Settings.GetValueOrDefault(key))
            .Select(key => $"  {key}: '{header.Settings.GetValueOrDefault(key)}' there, '{settings.GetValueOrDefault(key)}' now").ToList();
        if (differing.Count > 0)
            throw new InvalidOperationException(
                $"{path} holds answers of another evaluation:{Environment.NewLine}{string.Join(Environment.NewLine, differing)}{Environment.NewLine}" +
                $"Choose another {nameof(BenchmarkOptions.ResultsFolder)} or another name for the model, or delete the file.");
    }

    private static void CheckOrder(List<AnsweredBatch> batches, string path)
    {
        var answered = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var batch in batches)
        {
            var first = answered.GetValueOrDefault(batch.Task);
            if (batch.First != first || batch.Answers.Count == 0 || !double.IsFinite(batch.Seconds) || batch.Seconds < 0 || batch.Tokens < 0)
                throw new InvalidDataException(
                    $"{path}: the answers to {batch.Task} from question {batch.First + 1} on do not follow question {first}. Delete the file.");
            answered[batch.Task] = first + batch.Answers.Count;
        }
    }
}
