namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>Makes a syntax tree of a template's tokens: here the statements.</summary>
internal sealed partial class Parser
{
    private readonly IReadOnlyList<Token> _tokens;
    private readonly string _source;

    // The names that the macro being read has asked for, for each macro that one is in.
    private readonly Stack<HashSet<string>> _macroNames = [];
    private int _at;
    private int _depth;
    private int _loops;

    private Parser(IReadOnlyList<Token> tokens, string source) => (_tokens, _source) = (tokens, source);

    /// <exception cref="InvalidDataException">The template is not valid, or asks for something that this interpreter does not know; the message has the
    /// line.</exception>
    public static Block Read(string text, string source)
    {
        var parser = new Parser(Lexer.Read(text, source), source);
        return parser.ReadBlock([], opener: null);
    }

    private Token Current => _tokens[_at];

    private Token Ahead => _tokens[Math.Min(_at + 1, _tokens.Count - 1)];

    private Token Next() => _tokens[_at < _tokens.Count - 1 ? _at++ : _at];

    private InvalidDataException Error(int line, string problem) => new($"{_source}, line {line}: {problem}");

    private InvalidDataException Unexpected(string wanted) => Error(Current.Line, $"{wanted} is wanted here; found {Current.Shown}");

    private bool Skip(string operatorText)
    {
        if (!Current.IsOperator(operatorText))
            return false;
        Next();
        return true;
    }

    private bool SkipName(string name)
    {
        if (!Current.IsName(name))
            return false;
        Next();
        return true;
    }

    private void Expect(string operatorText)
    {
        if (!Skip(operatorText))
            throw Unexpected($"'{operatorText}'");
    }

    private void Expect(TokenKind kind, string shown)
    {
        if (Current.Kind != kind)
            throw Unexpected(shown);
        Next();
    }

    private string ExpectName() => Current.Kind == TokenKind.Name ? Next().Text : throw Unexpected("a name");

    /// <summary>Reads statements up to one of the tags that end the block; that tag's name is the current token.</summary>
    private Block ReadBlock(ReadOnlySpan<string> ends, Token? opener)
    {
        if (++_depth > Limits.SyntaxDepth)
            throw Error(Current.Line, $"blocks lie more than {Limits.SyntaxDepth} deep in each other");
        var statements = new List<Statement>();
        while (true)
        {
            switch (Current.Kind)
            {
                case TokenKind.Data:
                    statements.Add(new Data(Current.Line, Next().Text));
                    break;
                case TokenKind.PrintBegin:
                    var line = Next().Line;
                    statements.Add(new Print(line, ReadTuple()));
                    Expect(TokenKind.PrintEnd, "'}}'");
                    break;
                case TokenKind.BlockBegin when Ahead.Kind == TokenKind.Name && ends.Contains(Ahead.Text):
                    Next();
                    _depth--;
                    return new Block(statements);
                case TokenKind.BlockBegin:
                    Next();
                    statements.Add(ReadStatement());
                    Expect(TokenKind.BlockEnd, "'%}'");
                    break;
                case TokenKind.End when opener is { } open:
                    throw Error(open.Line, $"'{open.Text}' has no end: '{{% {ends[^1]} %}}' is missing");
                default:
                    _depth--;
                    return new Block(statements);
            }
        }
    }

    /// <summary>Reads a block whose one end is <c>end…</c>, and that end's name.</summary>
    private Block ReadBody(Token opener, string end)
    {
        Skip(":");
        Expect(TokenKind.BlockEnd, "'%}'");
        var body = ReadBlock([end], opener);
        Next();
        return body;
    }

    private Statement ReadStatement()
    {
        if (Current.Kind != TokenKind.Name)
            throw Unexpected("the name of a tag");
        var tag = Next();
        switch (tag.Text)
        {
            case "if": return ReadIf(tag);
            case "for": return ReadFor(tag);
            case "set": return ReadSet(tag);
            case "macro": return ReadMacro(tag);
            case "call": return ReadCall(tag);
            case "with": return ReadWith(tag);
            case "filter":
                var filters = ReadFilters(first: true);
                return new FilterBlock(tag.Line, filters, ReadBody(tag, "endfilter"));
            case "generation": return new Generation(tag.Line, Apart(() => ReadBody(tag, "endgeneration")));
            case "break": return _loops > 0 ? new Break(tag.Line) : throw Error(tag.Line, "'break' stands outside of a loop");
            case "continue": return _loops > 0 ? new Continue(tag.Line) : throw Error(tag.Line, "'continue' stands outside of a loop");
            case "print": return new Print(tag.Line, ReadExpression());
            case "include" or "import" or "from" or "extends" or "block" or "autoescape" or "do" or "trans" or "debug":
                throw Error(tag.Line, $"the tag '{tag.Text}' is not supported: a chat template stands for itself");
            default:
                throw Error(tag.Line, $"there is no tag '{tag.Text}' here");
        }
    }

    // A body that becomes a function of its own: it is in no loop.
    private T Apart<T>(Func<T> read)
    {
        var loops = _loops;
        _loops = 0;
        var result = read();
        _loops = loops;
        return result;
    }

    private If ReadIf(Token tag)
    {
        var branches = new List<(Expression, Block)>();
        while (true)
        {
            var condition = ReadTuple(withConditional: false);
            Skip(":");
            Expect(TokenKind.BlockEnd, "'%}'");
            branches.Add((condition, ReadBlock(["elif", "else", "endif"], tag)));
            var end = Next();
            if (end.Text == "elif")
                continue;
            return new If(tag.Line, branches, end.Text == "else" ? ReadBody(tag, "endif") : new Block([]));
        }
    }

    private For ReadFor(Token tag)
    {
        var target = ReadTarget(mayBeNamespace: false);
        if (!SkipName("in"))
            throw Unexpected("'in'");
        var items = ReadTuple(withConditional: false, endsAtRecursive: true);
        var filter = SkipName("if") ? ReadExpression() : null;
        var isRecursive = SkipName("recursive");
        Skip(":");
        Expect(TokenKind.BlockEnd, "'%}'");
        _loops++;
        var body = ReadBlock(["else", "endfor"], tag);
        _loops--;
        var otherwise = Next().Text == "else" ? ReadBody(tag, "endfor") : null;
        return new For(tag.Line, target, items, filter, isRecursive, body, otherwise);
    }

    private Statement ReadSet(Token tag)
    {
        var target = ReadTarget(mayBeNamespace: true);
        if (Skip("="))
            return new Set(tag.Line, target, ReadTuple());
        var filters = ReadFilters(first: false);
        return new SetBlock(tag.Line, target, filters, ReadBody(tag, "endset"));
    }

    private MacroDefinition ReadMacro(Token tag)
    {
        var name = ExpectName();
        var (signature, body) = ReadFunction(tag, "endmacro", afterSignature: null);
        return new MacroDefinition(tag.Line, name, signature, body);
    }

    private CallBlock ReadCall(Token tag)
    {
        Expression? call = null;
        var (signature, body) = ReadFunction(tag, "endcall", () => call = ReadExpression());
        return call is Call function ? new CallBlock(tag.Line, function, signature, body)
            : throw Error(tag.Line, "'call' needs a call, as in {% call name() %}");
    }

    private (Signature, Block) ReadFunction(Token tag, string end, Action? afterSignature)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var parameters = new List<(string, Expression?)>();
        if (afterSignature is null || Current.IsOperator("("))
            ReadParameters(parameters);
        afterSignature?.Invoke();
        _macroNames.Push(names);
        var body = Apart(() => ReadBody(tag, end));
        _macroNames.Pop();
        // What a macro inside of this one asks for, this one is asked for.
        if (_macroNames.TryPeek(out var outer))
            outer.UnionWith(names);
        return (new Signature(parameters, names.Contains("caller"), names.Contains("kwargs"), names.Contains("varargs")), body);
    }

    private void ReadParameters(List<(string Name, Expression? Default)> parameters)
    {
        Expect("(");
        while (!Skip(")"))
        {
            if (parameters.Count > 0)
                Expect(",");
            var line = Current.Line;
            var name = ExpectName();
            var value = Skip("=") ? ReadExpression() : null;
            if (value is null && parameters.Count > 0 && parameters[^1].Default is not null)
                throw Error(line, $"the parameter '{name}' has no default value and follows one that has");
            parameters.Add((name, value));
        }
    }

    private With ReadWith(Token tag)
    {
        var assignments = new List<(Target, Expression)>();
        while (Current.Kind != TokenKind.BlockEnd)
        {
            if (assignments.Count > 0)
                Expect(",");
            var target = ReadTarget(mayBeNamespace: false);
            Expect("=");
            assignments.Add((target, ReadExpression()));
        }
        return new With(tag.Line, assignments, ReadBody(tag, "endwith"));
    }

    private Target ReadTarget(bool mayBeNamespace)
    {
        var targets = new List<Target>();
        while (true)
        {
            targets.Add(ReadOneTarget(mayBeNamespace));
            if (!Skip(","))
                return targets.Count == 1 ? targets[0] : new TupleTarget(targets);
            if (Current.IsName("in") || Current.IsOperator("=") || Current.Kind == TokenKind.BlockEnd)
                return new TupleTarget(targets);
        }
    }

    private Target ReadOneTarget(bool mayBeNamespace)
    {
        if (Skip("("))
        {
            var inner = new List<Target>();
            while (!Skip(")"))
            {
                if (inner.Count > 0)
                    Expect(",");
                if (!Current.IsOperator(")"))
                    inner.Add(ReadOneTarget(mayBeNamespace));
            }
            return inner.Count == 1 ? inner[0] : new TupleTarget(inner);
        }
        var line = Current.Line;
        var name = ExpectName();
        if (name is "true" or "false" or "none" or "True" or "False" or "None")
            throw Error(line, $"'{name}' cannot be set");
        return mayBeNamespace && Skip(".") ? new NamespaceTarget(name, ExpectName()) : new NameTarget(name);
    }
}
