using System.Text;
using Microsoft.ML.Data;

namespace Microsoft.ML.Moka;

/// <summary>
/// A file of separated values for ML.NET's text loader, with all of its rows: by itself the loader takes a line that begins with <c>//</c> for a comment, and
/// leaves it out without a word. Such a line reaches the loader with its first field in quotes, which changes no value.
/// </summary>
/// <remarks>
/// <c>mlContext.Data.CreateTextLoader&lt;Row&gt;(new TextLoader.Options { Separators = [','], AllowQuoting = true })
/// .Load(new TextFileSource("rows.csv", ','))</c>
/// </remarks>
public sealed class TextFileSource : IMultiStreamSource
{
    private readonly string _path;
    private readonly char _separator;
    private readonly bool _allowQuoting;

    /// <summary>The rows of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="separator">What separates the fields of a row, as the loader's <c>Separators</c> say it. Default: a tab.</param>
    /// <param name="allowQuoting">
    /// The loader's <c>AllowQuoting</c>. Where it is false, there is no form in which the loader takes a row that begins with <c>//</c>, and such a row is an
    /// <see cref="InvalidDataException"/> while the file is read. Default: true.
    /// </param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public TextFileSource(string path, char separator = '\t', bool allowQuoting = true)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path))
            throw new FileNotFoundException($"There is no file '{path}'.", path);
        (_path, _separator, _allowQuoting) = (path, separator, allowQuoting);
    }

    /// <summary>One: the file.</summary>
    public int Count => 1;

    /// <summary>The file's path.</summary>
    /// <param name="index">0.</param>
    /// <returns>The path.</returns>
    public string GetPathOrNull(int index) => _path;

    /// <summary>Opens the file as it is.</summary>
    /// <param name="index">0.</param>
    /// <returns>Its bytes.</returns>
    public Stream Open(int index) => File.OpenRead(_path);

    /// <summary>Opens the file for the loader.</summary>
    /// <param name="index">0.</param>
    /// <returns>Its lines.</returns>
    public TextReader OpenTextReader(int index) => new Lines(_path, _separator, _allowQuoting);

    private sealed class Lines : StreamReader
    {
        private readonly string _path;
        private readonly char _separator;
        private readonly bool _allowQuoting;
        private int _number;
        private bool _isInQuotes;

        public Lines(string path, char separator, bool allowQuoting)
            : base(path, Encoding.UTF8) => (_path, _separator, _allowQuoting) = (path, separator, allowQuoting);

        public override string? ReadLine()
        {
            var line = base.ReadLine();
            _number++;
            if (line is null)
                return null;
            if (!_isInQuotes && line.StartsWith("//", StringComparison.Ordinal))
                line = _allowQuoting ? Quoted(line) : throw new InvalidDataException(
                    $"{_path}, line {_number}: the line begins with //, which ML.NET's text loader leaves out as a comment: read the file with AllowQuoting.");
            _isInQuotes = _allowQuoting && EndsInQuotes(line);
            return line;
        }

        private string Quoted(string line)
        {
            var end = line.IndexOf(_separator, StringComparison.Ordinal) is var found and >= 0 ? found : line.Length;
            return $"\"{line[..end].Replace("\"", "\"\"", StringComparison.Ordinal)}\"{line[end..]}";
        }

        // A quote opens a field only where the field begins, and a field in quotes goes on in the next line.
        private bool EndsInQuotes(string line)
        {
            var (isQuoted, mayOpen) = (_isInQuotes, true);
            foreach (var character in line)
            {
                if (isQuoted)
                    isQuoted = character != '"';
                else if (character == '"')
                    isQuoted = mayOpen;
                else
                    mayOpen = character == _separator || (character == ' ' && mayOpen);
            }
            return isQuoted;
        }
    }
}
