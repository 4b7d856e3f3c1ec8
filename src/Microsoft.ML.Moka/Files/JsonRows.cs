using System.Text.Json;

namespace Microsoft.ML.Moka.Files;

/// <summary>Reads the objects of a JSON array, or objects one after the other as in JSONL, with little more than one row in memory.</summary>
internal sealed class JsonRows
{
    /// <summary>No question is that long; without a limit a damaged file would be read whole in search of a row's end.</summary>
    internal const int MostBytesOfRow = 16 << 20;

    private static readonly JsonReaderOptions Options = new() { AllowMultipleValues = true };
    private static readonly JsonDocumentOptions RowOptions = new() { AllowDuplicateProperties = false };

    private readonly Stream _stream;
    private readonly string _path;
    private JsonReaderState _state = new(Options);
    private byte[] _buffer = new byte[1 << 16];
    private int _start;
    private int _end;
    private bool _isFinal;
    private bool _isArray;
    private bool _isOver;
    private long _line = 1;
    private int _number;

    private JsonRows(Stream stream, string path)
    {
        _stream = stream;
        _path = path;
    }

    /// <summary>The rows; each enumeration reads the file anew.</summary>
    /// <exception cref="InvalidDataException">The file is no JSON, or holds something else than objects; the message names file and line.</exception>
    public static IEnumerable<JsonRow> Read(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        foreach (var row in Read(stream, path))
            yield return row;
    }

    /// <param name="stream">The content of the file, read once.</param>
    /// <param name="path">What errors call it.</param>
    /// <inheritdoc cref="Read(string)"/>
    public static IEnumerable<JsonRow> Read(Stream stream, string path)
    {
        var rows = new JsonRows(stream, path);
        while (rows.Next() is { } row)
            yield return row;
    }

    private JsonRow? Next()
    {
        try
        {
            while (true)
            {
                if (Scan() is { } row)
                    return row;
                if (_isFinal)
                    return null;
                Fill();
            }
        }
        catch (JsonException e)
        {
            var (line, found) = (LineOfRow(), (e.LineNumber ?? 0) + 1);
            throw line < found ? NotValid(line, e, $"as line {found} shows: ") : NotValid(found, e);
        }
    }

    // Where the row begins that is not whole: its error may show lines later, where the next row begins.
    private long LineOfRow()
    {
        var rest = _buffer.AsSpan(_start, _end - _start);
        var blanks = rest.IndexOfAnyExcept(" \t\r\n,"u8);
        return _line + rest[..(blanks < 0 ? rest.Length : blanks)].Count((byte)'\n');
    }

    /// <summary>The next row, if the buffer holds the whole of it.</summary>
    private JsonRow? Scan()
    {
        var reader = new Utf8JsonReader(_buffer.AsSpan(_start, _end - _start), _isFinal, _state);
        while (reader.Read())
        {
            if (_isOver)
                throw new InvalidDataException($"{_path}, line {LineAt(reader)}: nothing may follow the end of the list.");
            if (reader.TokenType == JsonTokenType.EndArray)
            {
                _isOver = true;
                continue;
            }
            if (reader.TokenType == JsonTokenType.StartArray && !_isArray && _number == 0)
            {
                _isArray = true;
                Consume(ref reader);
                reader = new Utf8JsonReader(_buffer.AsSpan(_start, _end - _start), _isFinal, _state);
                continue;
            }
            var line = LineAt(reader);
            if (reader.TokenType != JsonTokenType.StartObject)
                throw new InvalidDataException(
                    $"{_path}, line {line} (row {_number + 1}): a row must be an object with fields; found {Kind(reader.TokenType)}.");
            var rest = reader;
            if (!rest.TrySkip())
                return null;
            var start = _start + (int)reader.TokenStartIndex;
            reader = rest;
            var row = new JsonRow(Parse(_buffer.AsMemory(start, _start + (int)rest.BytesConsumed - start), line), _path, line, ++_number);
            Consume(ref reader);
            return row;
        }
        return null;
    }

    private JsonElement Parse(ReadOnlyMemory<byte> json, long line)
    {
        try
        {
            using var document = JsonDocument.Parse(json, RowOptions);
            return document.RootElement.Clone();
        }
        // A field that is there twice, or half a character in a name.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw NotValid(line + ((e as JsonException)?.LineNumber ?? 0), e);
        }
    }

    private InvalidDataException NotValid(long line, Exception e, string detail = "") =>
        new($"{_path}, line {line}: this is not valid JSON: {detail}{Cause(e)}", e);

    // Its place is that of the piece that was read, and its options nobody can change here.
    private static string Cause(Exception error) =>
        error.Message.Split(" LineNumber:")[0].Replace(" Change the reader options.", "", StringComparison.Ordinal);

    private static string Kind(JsonTokenType token) => token switch
    {
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a text",
        JsonTokenType.Number => "a number",
        _ => token.ToString().ToLowerInvariant(),
    };

    private long LineAt(Utf8JsonReader reader) => _line + _buffer.AsSpan(_start, (int)reader.TokenStartIndex).Count((byte)'\n');

    private void Consume(ref Utf8JsonReader reader)
    {
        var consumed = (int)reader.BytesConsumed;
        _line += _buffer.AsSpan(_start, consumed).Count((byte)'\n');
        _start += consumed;
        _state = reader.CurrentState;
    }

    private void Fill()
    {
        var isFirst = _end == 0;
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        if (_end == _buffer.Length)
        {
            if (_end >= MostBytesOfRow)
                throw new InvalidDataException(
                    $"{_path}, line {_line} (row {_number + 1}): a row may have {MostBytesOfRow} bytes at most; this one has more, or its end is missing.");
            Array.Resize(ref _buffer, 2 * _buffer.Length);
        }
        var read = _stream.ReadAtLeast(_buffer.AsSpan(_end), _buffer.Length - _end, throwOnEndOfStream: false);
        _isFinal = read < _buffer.Length - _end;
        _end += read;
        // A byte order mark is no JSON, but some editors write one.
        if (isFirst && _buffer.AsSpan(0, _end).StartsWith("\uFEFF"u8))
            _start = 3;
    }
}
