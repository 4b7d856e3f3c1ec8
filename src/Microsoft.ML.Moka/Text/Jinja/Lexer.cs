namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>
/// Cuts a template into tokens, with Jinja's rules for blanks under trim_blocks (the line break after a block or comment goes), lstrip_blocks (blanks of a
/// line before a block or comment go) and the marks - and + at a tag.
/// </summary>
internal sealed class Lexer
{
    // Longest first.
    private static readonly string[] Operators =
        ["**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "[", "]", "(", ")", "{", "}", "<", ">", "=", ".", ":", "|", ",", ";"];

    private readonly string _source;
    private readonly string _text;
    private readonly List<Token> _tokens = [];
    private readonly Stack<char> _open = [];
    private int _at;
    private int _line = 1;
    private bool _isLineStart = true;

    private Lexer(string text, string source)
    {
        if (text.Length > Limits.TemplateLength)
            throw new InvalidDataException($"{source} has {text.Length} characters; a chat template has at most {Limits.TemplateLength}.");
        _source = source;
        _text = text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        // One line break at the end is the editor's.
        if (_text.EndsWith('\n'))
            _text = _text[..^1];
    }

    /// <exception cref="InvalidDataException">The text cannot be cut into tokens.</exception>
    public static IReadOnlyList<Token> Read(string text, string source)
    {
        var lexer = new Lexer(text, source);
        while (lexer._at < lexer._text.Length)
            lexer.ReadDataAndTag();
        lexer.Emit(TokenKind.End, "");
        return lexer._tokens;
    }

    private InvalidDataException Error(string problem) => new($"{_source}, line {_line}: {problem}");

    private void Emit(TokenKind kind, string text) => _tokens.Add(new Token(kind, text, _line));

    private bool At(string text) => string.CompareOrdinal(_text, _at, text, 0, text.Length) == 0;

    private void ReadDataAndTag()
    {
        var start = NextTag(_at);
        if (start < 0)
        {
            EmitData(_text[_at..]);
            _at = _text.Length;
            return;
        }
        var data = _text[_at..start];
        var kind = _text[start + 1];
        var afterMark = start + 2;
        var mark = afterMark < _text.Length && _text[afterMark] is '-' or '+' ? _text[afterMark++] : ' ';
        if (mark == '-')
            EmitData(data.AsSpan().TrimEnd(PythonCharacters.Blanks).ToString(), data);
        else if (mark != '+' && kind != '{')
            EmitData(WithoutIndent(data), data);
        else
            EmitData(data);
        _at = afterMark;
        _isLineStart = false;
        if (kind == '#')
            SkipComment();
        else if (kind == '%' && RawBegin() is { } rawEnd)
            ReadRaw(rawEnd);
        else
            ReadTag(kind == '{');
    }

    private int NextTag(int from)
    {
        for (var i = _text.IndexOf('{', from); i >= 0 && i + 1 < _text.Length; i = _text.IndexOf('{', i + 1))
        {
            if (_text[i + 1] is '{' or '%' or '#')
                return i;
        }
        return -1;
    }

    private string WithoutIndent(string data)
    {
        var line = data.LastIndexOf('\n') + 1;
        return (line > 0 || _isLineStart) && data.AsSpan(line).IndexOfAnyExcept(PythonCharacters.Blanks) < 0 ? data[..line] : data;
    }

    private void EmitData(string data, string? original = null)
    {
        if (data.Length > 0)
            Emit(TokenKind.Data, data);
        _line += (original ?? data).Count('\n');
    }

    private void SkipComment()
    {
        var end = _text.IndexOf("#}", _at, StringComparison.Ordinal);
        if (end < 0)
            throw Error("a comment has no end: '#}' is missing");
        // "{#-#}": the mark that opens it is not the one that closes it.
        var mark = end > _at ? _text[end - 1] : ' ';
        _line += _text.AsSpan(_at, end - _at).Count('\n');
        CloseTag(end + 2, mark, trims: true);
    }

    /// <summary>Goes behind the end of a tag and the blanks that go with it.</summary>
    private void CloseTag(int after, char mark, bool trims)
    {
        _at = after;
        if (mark == '-')
        {
            while (_at < _text.Length && PythonCharacters.IsBlank(_text[_at]))
                _at++;
        }
        else if (mark != '+' && trims && _at < _text.Length && _text[_at] == '\n')
        {
            _at++;
        }
        _line += _text.AsSpan(after, _at - after).Count('\n');
        _isLineStart = _text[_at - 1] == '\n';
    }

    // "{% raw %}": where its tag ends; null where another block begins.
    private int? RawBegin()
    {
        var at = SkipBlanks(_at);
        if (string.CompareOrdinal(_text, at, "raw", 0, 3) != 0)
            return null;
        at = SkipBlanks(at + 3);
        if (string.CompareOrdinal(_text, at, "-%}", 0, 3) == 0)
            return SkipBlanks(at + 3);
        return string.CompareOrdinal(_text, at, "%}", 0, 2) == 0 ? at + 2 : null;
    }

    private int SkipBlanks(int at)
    {
        while (at < _text.Length && PythonCharacters.IsBlank(_text[at]))
            at++;
        return at;
    }

    private void ReadRaw(int from)
    {
        _line += _text.AsSpan(_at, from - _at).Count('\n');
        _isLineStart = from > 0 && _text[from - 1] == '\n';
        for (var i = _text.IndexOf("{%", from, StringComparison.Ordinal); i >= 0; i = _text.IndexOf("{%", i + 2, StringComparison.Ordinal))
        {
            var at = i + 2;
            var mark = at < _text.Length && _text[at] is '-' or '+' ? _text[at++] : ' ';
            at = SkipBlanks(at);
            if (string.CompareOrdinal(_text, at, "endraw", 0, 6) != 0)
                continue;
            at = SkipBlanks(at + 6);
            var endMark = at < _text.Length && _text[at] is '-' or '+' ? _text[at++] : ' ';
            if (string.CompareOrdinal(_text, at, "%}", 0, 2) != 0)
                continue;
            var data = _text[from..i];
            EmitData(mark == '-' ? data.AsSpan().TrimEnd(PythonCharacters.Blanks).ToString() : mark == '+' ? data : WithoutIndent(data), data);
            _line += _text.AsSpan(i, at - i).Count('\n');
            CloseTag(at + 2, endMark, trims: true);
            return;
        }
        throw Error("'raw' has no end: '{% endraw %}' is missing");
    }

    private void ReadTag(bool isPrint)
    {
        var (begin, end, close) = isPrint ? (TokenKind.PrintBegin, TokenKind.PrintEnd, "}}") : (TokenKind.BlockBegin, TokenKind.BlockEnd, "%}");
        Emit(begin, "");
        _open.Clear();
        while (true)
        {
            SkipBlanksInTag();
            if (_at >= _text.Length)
                throw Error($"a tag has no end: '{close}' is missing");
            if (_open.Count == 0)
            {
                var mark = _text[_at] == '-' || (_text[_at] == '+' && !isPrint) ? _text[_at] : ' ';
                var at = mark == ' ' ? _at : _at + 1;
                if (string.CompareOrdinal(_text, at, close, 0, 2) == 0)
                {
                    Emit(end, "");
                    CloseTag(at + 2, mark, trims: !isPrint);
                    return;
                }
            }
            ReadToken();
        }
    }

    private void SkipBlanksInTag()
    {
        for (; _at < _text.Length && PythonCharacters.IsBlank(_text[_at]); _at++)
        {
            if (_text[_at] == '\n')
                _line++;
        }
    }

    private void ReadToken()
    {
        var c = _text[_at];
        if (c is '"' or '\'')
            ReadString(c);
        else if (char.IsAsciiDigit(c))
            ReadNumber();
        else if (c == '_' || char.IsLetter(c))
            ReadName();
        else
            ReadOperator();
    }

    private void ReadName()
    {
        var start = _at;
        while (_at < _text.Length && (_text[_at] == '_' || char.IsLetterOrDigit(_text[_at])))
            _at++;
        Emit(TokenKind.Name, _text[start.._at]);
    }

    private void ReadNumber()
    {
        var (length, isFloat) = NumberText.Measure(_text, _at, afterDot: _at > 0 && _text[_at - 1] == '.');
        Emit(isFloat ? TokenKind.Float : TokenKind.Integer, _text.Substring(_at, length));
        _at += length;
    }

    private void ReadString(char quote)
    {
        var start = ++_at;
        while (_at < _text.Length && _text[_at] != quote)
            _at += _text[_at] == '\\' ? 2 : 1;
        if (_at >= _text.Length)
            throw Error($"a string has no end: its closing {quote} is missing");
        var raw = _text[start.._at++];
        string text;
        try
        {
            text = StringEscapes.Read(raw);
        }
        catch (FormatException e)
        {
            throw Error(e.Message);
        }
        Emit(TokenKind.Text, text);
        _line += raw.Count('\n');
    }

    private void ReadOperator()
    {
        if (Operators.FirstOrDefault(At) is not { } found)
            throw Error($"the character '{_text[_at]}' has no meaning here");
        if (found is "(" or "[" or "{")
        {
            if (_open.Count >= Limits.SyntaxDepth)
                throw Error($"brackets lie more than {Limits.SyntaxDepth} deep in each other");
            _open.Push(found[0]);
        }
        else if (found is ")" or "]" or "}" && !(_open.TryPop(out var open) && (open, found) is ('(', ")") or ('[', "]") or ('{', "}")))
        {
            throw Error($"'{found}' closes no bracket");
        }
        Emit(TokenKind.Operator, found);
        _at += found.Length;
    }
}
