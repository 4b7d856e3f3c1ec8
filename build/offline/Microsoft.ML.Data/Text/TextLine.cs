using System.Text;

namespace Microsoft.ML.Data;

/// <summary>Reads lines and cuts them into fields.</summary>
internal sealed class TextLine(TextReader reader, TextLoader.Options options)
{
    private readonly bool _spaceSeparates = options.Separators.Contains(' ');
    private readonly StringBuilder _quoted = new();
    private bool _first = true;

    public List<string> Fields { get; } = [];

    /// <summary>The next row; empty lines and comments (//, and # before the first row) do not count, nor does the header.</summary>
    public bool Read()
    {
        if (_first && options.HasHeader && ReadLine(mayBeHash: true) is null)
            return false;
        var line = ReadLine(mayBeHash: _first && !options.HasHeader);
        _first = false;
        if (line is null)
            return false;
        Cut(line);
        return true;
    }

    private string ReadLine(bool mayBeHash)
    {
        string line;
        do
        {
            line = reader.ReadLine();
        }
        while (line is not null && (line.Length == 0 || line.StartsWith("//", StringComparison.Ordinal) || (mayBeHash && line[0] == '#')));
        while (line is not null && options.AllowQuoting && options.ReadMultilines && EndsInsideQuotes(line))
        {
            var more = reader.ReadLine() ?? throw new EndOfStreamException("A quoted field was never closed, and we've read to the last line in the file without finding the closing quote");
            line = $"{line}\n{more}";
        }
        return line is not null && options.TrimWhitespace ? line.TrimEnd() : line;
    }

    private bool EndsInsideQuotes(string line)
    {
        Cut(line, out var open);
        return open;
    }

    private void Cut(string line) => Cut(line, out _);

    private void Cut(string line, out bool open)
    {
        Fields.Clear();
        var at = 0;
        do
        {
            if (!_spaceSeparates)
            {
                while (at < line.Length && line[at] == ' ')
                    at++;
            }
            open = false;
            Fields.Add(options.AllowQuoting && at < line.Length && line[at] == '"' ? CutQuoted(line, ref at, out open) : CutPlain(line, ref at));
        }
        while (at++ < line.Length);
    }

    private string CutPlain(string line, ref int at)
    {
        var end = line.IndexOfAny(options.Separators, at);
        var start = at;
        at = end < 0 ? line.Length : end;
        return line[start..at];
    }

    /// <summary>Two quotes stand for one. A field that is not closed, or goes on after its closing quote, is an error and counts as empty.</summary>
    private string CutQuoted(string line, ref int at, out bool open)
    {
        _quoted.Clear();
        open = true;
        for (at++; at < line.Length && open; at++)
        {
            if (line[at] != '"')
            {
                _quoted.Append(line[at]);
            }
            else if (at + 1 < line.Length && line[at + 1] == '"')
            {
                _quoted.Append('"');
                at++;
            }
            else
            {
                open = false;
            }
        }
        var rest = CutPlain(line, ref at);
        return open || !string.IsNullOrWhiteSpace(rest) ? "" : _quoted.ToString();
    }
}
