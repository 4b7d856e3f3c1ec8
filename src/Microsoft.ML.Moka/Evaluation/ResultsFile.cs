using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Microsoft.ML.Moka.Evaluation;

/// <summary>
/// The answers of an evaluation as they come: JSON lines, first what determines the answers, then a line for each batch. Lines are only added, and a line that
/// was being written when the process died is dropped, so that an evaluation goes on where it was interrupted.
/// </summary>
internal sealed class ResultsFile : IDisposable
{
    private const string Format = "moka-evaluation-1";

    private readonly FileStream _stream;

    private ResultsFile(FileStream stream) => _stream = stream;

    /// <summary>The batches of earlier runs, in their order.</summary>
    public IReadOnlyList<AnsweredBatch> Batches { get; private set; } = [];

    /// <summary>Opens the file, or begins it.</summary>
    /// <exception cref="InvalidOperationException">It holds an evaluation of other settings.</exception>
    /// <exception cref="InvalidDataException">It is damaged, or something else.</exception>
    public static ResultsFile Open(string path, IReadOnlyDictionary<string, string> settings)
    {
        // Two evaluations must not write to one file.
        var stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        try
        {
            var file = new ResultsFile(stream);
            var batches = new List<AnsweredBatch>();
            var end = 0L;
            var number = 0;
            foreach (var (line, next) in file.WholeLines(path))
            {
                if (number++ == 0)
                    CheckHeader(Parse(line, ResultsJson.Default.ResultsHeader, path, number), path, settings);
                else
                    batches.Add(Parse(line, ResultsJson.Default.AnsweredBatch, path, number));
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
        _stream.Write([.. JsonSerializer.SerializeToUtf8Bytes(line, type), (byte)'\n']);
        _stream.Flush(flushToDisk: true);
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
            if (answer.LogLikelihoods is { } scores && scores.Count != answer.Candidates.Count)
                throw new JsonException("candidates without scores");
        }
    }

    private static void CheckHeader(ResultsHeader header, string path, IReadOnlyDictionary<string, string> settings)
    {
        if (header.Format != Format)
            throw new InvalidDataException($"{path} is of the format '{header.Format}'; this version reads '{Format}'.");
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
