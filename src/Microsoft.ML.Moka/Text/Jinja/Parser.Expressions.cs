namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>Here the expressions.</summary>
internal sealed partial class Parser
{
    private static readonly string[] Comparisons = ["==", "!=", "<", "<=", ">", ">="];

    private int Deeper(int line, params ReadOnlySpan<Expression?> parts)
    {
        var depth = 0;
        foreach (var part in parts)
            depth = Math.Max(depth, part?.Depth ?? 0);
        return CheckDepth(line, depth + 1);
    }

    private int Deeper(int line, IEnumerable<Expression?> parts) => CheckDepth(line, 1 + parts.Max(part => part?.Depth ?? 0));

    // Long chains are deep trees too: they are computed from the inside.
    private int CheckDepth(int line, int depth) =>
        depth <= Limits.SyntaxDepth * 2 ? depth : throw Error(line, $"an expression lies more than {Limits.SyntaxDepth * 2} deep in others");

    private Expression ReadExpression(bool withConditional = true)
    {
        if (++_depth > Limits.SyntaxDepth)
            throw Error(Current.Line, $"expressions lie more than {Limits.SyntaxDepth} deep in each other");
        var expression = withConditional ? ReadConditional() : ReadOr();
        _depth--;
        return expression;
    }

    /// <summary>An expression, or several with commas between them.</summary>
    private Expression ReadTuple(bool withConditional = true, bool endsAtRecursive = false, bool mayBeEmpty = false)
    {
        var line = Current.Line;
        var items = new List<Expression>();
        var isTuple = false;
        while (!IsTupleEnd(endsAtRecursive))
        {
            items.Add(ReadExpression(withConditional));
            if (!Skip(","))
                break;
            isTuple = true;
        }
        if (!isTuple && items.Count > 0)
            return items[0];
        if (items.Count == 0 && !mayBeEmpty)
            throw Unexpected("an expression");
        return new SequenceLiteral(line, Deeper(line, items.DefaultIfEmpty()), items, IsTuple: true);
    }

    private bool IsTupleEnd(bool endsAtRecursive) =>
        Current.Kind is TokenKind.PrintEnd or TokenKind.BlockEnd or TokenKind.End || Current.IsOperator(")")
            || (endsAtRecursive && Current.IsName("recursive"));

    private Expression ReadConditional()
    {
        var value = ReadOr();
        while (Current.IsName("if"))
        {
            var line = Next().Line;
            var condition = ReadOr();
            var otherwise = SkipName("else") ? ReadExpression() : null;
            value = new Conditional(line, Deeper(line, condition, value, otherwise), condition, value, otherwise);
        }
        return value;
    }

    private Expression ReadOr()
    {
        var left = ReadAnd();
        while (Current.IsName("or"))
        {
            var line = Next().Line;
            var right = ReadAnd();
            left = new Logic(line, Deeper(line, left, right), IsAnd: false, left, right);
        }
        return left;
    }

    private Expression ReadAnd()
    {
        var left = ReadNot();
        while (Current.IsName("and"))
        {
            var line = Next().Line;
            var right = ReadNot();
            left = new Logic(line, Deeper(line, left, right), IsAnd: true, left, right);
        }
        return left;
    }

    private Expression ReadNot()
    {
        var line = Current.Line;
        var count = 0;
        while (SkipName("not"))
            count++;
        var value = ReadComparison();
        for (; count > 0; count--)
            value = new Not(line, Deeper(line, value), value);
        return value;
    }

    private Expression ReadComparison()
    {
        var line = Current.Line;
        var first = ReadSum();
        var rest = new List<(string, Expression)>();
        while (true)
        {
            if (Current.Kind == TokenKind.Operator && Comparisons.Contains(Current.Text))
                rest.Add((Next().Text, ReadSum()));
            else if (SkipName("in"))
                rest.Add(("in", ReadSum()));
            else if (Current.IsName("not") && Ahead.IsName("in"))
                rest.Add((NotIn(), ReadSum()));
            else
                return rest.Count == 0 ? first : new Comparison(line, Deeper(line, rest.Select(part => part.Item2).Append(first)), first, rest);
        }

        string NotIn()
        {
            Next();
            Next();
            return "not in";
        }
    }

    private Expression ReadSum() => ReadChain(ReadConcatenation, "+", "-");

    private Expression ReadProduct() => ReadChain(ReadPower, "*", "/", "//", "%");

    private Expression ReadPower() => ReadChain(() => ReadUnary(), "**");

    private Expression ReadChain(Func<Expression> readPart, params ReadOnlySpan<string> operators)
    {
        var left = readPart();
        while (Current.Kind == TokenKind.Operator && operators.Contains(Current.Text))
        {
            var sign = Next();
            var right = readPart();
            left = new Arithmetic(sign.Line, Deeper(sign.Line, left, right), sign.Text, left, right);
        }
        return left;
    }

    private Expression ReadConcatenation()
    {
        var line = Current.Line;
        var parts = new List<Expression> { ReadProduct() };
        while (Skip("~"))
            parts.Add(ReadProduct());
        return parts.Count == 1 ? parts[0] : new Concatenation(line, Deeper(line, parts), parts);
    }

    private Expression ReadUnary(bool withFilters = true)
    {
        var line = Current.Line;
        Expression value;
        if (Current.IsOperator("-") || Current.IsOperator("+"))
        {
            var isNegative = Next().Text == "-";
            if (++_depth > Limits.SyntaxDepth)
                throw Error(line, $"expressions lie more than {Limits.SyntaxDepth} deep in each other");
            var inner = ReadUnary(withFilters: false);
            _depth--;
            value = new Signed(line, Deeper(line, inner), inner, isNegative);
        }
        else
        {
            value = ReadPrimary();
        }
        value = ReadPostfix(value);
        return withFilters ? ReadFiltersAndTests(value) : value;
    }

    private Expression ReadPrimary()
    {
        var token = Next();
        switch (token.Kind)
        {
            case TokenKind.Name:
                return token.Text switch
                {
                    "true" or "True" => new Constant(token.Line, true),
                    "false" or "False" => new Constant(token.Line, false),
                    "none" or "None" => new Constant(token.Line, null),
                    _ => NameOf(token),
                };
            case TokenKind.Text:
                var text = token.Text;
                while (Current.Kind == TokenKind.Text)
                    text += Next().Text;
                return new Constant(token.Line, new TracedText(text));
            case TokenKind.Integer:
                return new Constant(token.Line, NumberText.ReadInteger(token.Text, 0) ?? throw Error(token.Line, $"'{token.Text}' is no whole number"));
            case TokenKind.Float:
                return new Constant(token.Line, NumberText.ReadFloat(token.Text) ?? throw Error(token.Line, $"'{token.Text}' is no number"));
            case TokenKind.Operator when token.Text == "(":
                var inner = ReadTuple(mayBeEmpty: true);
                Expect(")");
                return inner;
            case TokenKind.Operator when token.Text == "[":
                var items = ReadList("]", () => ReadExpression());
                return new SequenceLiteral(token.Line, Deeper(token.Line, items.DefaultIfEmpty()), items, IsTuple: false);
            case TokenKind.Operator when token.Text == "{":
                var pairs = ReadList("}", () =>
                {
                    var key = ReadExpression();
                    Expect(":");
                    return (key, ReadExpression());
                });
                return new DictionaryLiteral(token.Line, Deeper(token.Line, pairs.SelectMany(pair => new[] { pair.key, pair.Item2 }).DefaultIfEmpty()), pairs);
            default:
                throw Error(token.Line, $"an expression is wanted here; found {token.Shown}");
        }
    }

    private Name NameOf(Token token)
    {
        if (_macroNames.TryPeek(out var names) && token.Text is "caller" or "kwargs" or "varargs")
            names!.Add(token.Text);
        if (token.Text is "lipsum")
            throw Error(token.Line, "the function 'lipsum' is not supported");
        return new Name(token.Line, token.Text);
    }

    private List<T> ReadList<T>(string end, Func<T> readItem)
    {
        var items = new List<T>();
        while (!Skip(end))
        {
            if (items.Count > 0)
            {
                Expect(",");
                if (Skip(end))
                    break;
            }
            items.Add(readItem());
        }
        return items;
    }

    private Expression ReadPostfix(Expression value)
    {
        while (true)
        {
            var line = Current.Line;
            if (Skip("."))
                value = ReadAttribute(value, line);
            else if (Skip("["))
                value = ReadSubscript(value, line);
            else if (Current.IsOperator("("))
                value = ReadCallOf(value);
            else
                return value;
        }
    }

    private Expression ReadAttribute(Expression value, int line)
    {
        if (Current.Kind == TokenKind.Integer)
            return new Item(line, Deeper(line, value), value, new Constant(line, NumberText.ReadInteger(Next().Text, 0)));
        return new Attribute(line, Deeper(line, value), value, ExpectName());
    }

    private Expression ReadSubscript(Expression value, int line)
    {
        var start = Current.IsOperator(":") ? null : ReadExpression();
        if (!Current.IsOperator(":"))
        {
            var key = start!;
            if (Current.IsOperator(","))
            {
                var keys = new List<Expression> { key };
                while (Skip(","))
                    keys.Add(ReadExpression());
                key = new SequenceLiteral(line, Deeper(line, keys), keys, IsTuple: true);
            }
            Expect("]");
            return new Item(line, Deeper(line, value, key), value, key);
        }
        Next();
        var stop = Current.IsOperator(":") || Current.IsOperator("]") ? null : ReadExpression();
        var step = Skip(":") && !Current.IsOperator("]") ? ReadExpression() : null;
        Expect("]");
        return new Slice(line, Deeper(line, value, start, stop, step), value, start, stop, step);
    }

    private Call ReadCallOf(Expression function)
    {
        var line = Current.Line;
        var arguments = ReadArguments();
        return new Call(line, Deeper(line, PartsOf(arguments).Append(function)), function, arguments);
    }

    private static IEnumerable<Expression?> PartsOf(ArgumentList arguments) =>
        [.. arguments.Positional, .. arguments.Named.Select(named => named.Value), arguments.MorePositional, arguments.MoreNamed];

    private ArgumentList ReadArguments()
    {
        Expect("(");
        var positional = new List<Expression>();
        var named = new List<(string, Expression)>();
        Expression? morePositional = null, moreNamed = null;
        var isFirst = true;
        while (!Skip(")"))
        {
            if (!isFirst)
            {
                Expect(",");
                if (Skip(")"))
                    break;
            }
            isFirst = false;
            var line = Current.Line;
            if (morePositional is null && moreNamed is null && Skip("*"))
            {
                morePositional = ReadExpression();
            }
            else if (moreNamed is null && Skip("**"))
            {
                moreNamed = ReadExpression();
            }
            else if (moreNamed is null && Current.Kind == TokenKind.Name && Ahead.IsOperator("="))
            {
                var name = Next().Text;
                Next();
                if (named.Exists(other => other.Item1 == name))
                    throw Error(line, $"the argument '{name}' is given twice");
                named.Add((name, ReadExpression()));
            }
            else if (morePositional is null && moreNamed is null && named.Count == 0)
            {
                positional.Add(ReadExpression());
            }
            else
            {
                throw Error(line, "an argument without a name follows one that has a name");
            }
        }
        return positional.Count + named.Count == 0 && morePositional is null && moreNamed is null ? ArgumentList.None
            : new ArgumentList(positional, named, morePositional, moreNamed);
    }

    private Expression ReadFiltersAndTests(Expression value)
    {
        while (true)
        {
            if (Current.IsOperator("|"))
            {
                foreach (var filter in ReadFilters(first: false))
                    value = new Filtered(filter.Line, Deeper(filter.Line, PartsOf(filter.Arguments).Append(value)), value, filter);
            }
            else if (Current.IsName("is"))
            {
                value = ReadTest(value);
            }
            else if (Current.IsOperator("("))
            {
                value = ReadCallOf(value);
            }
            else
            {
                return value;
            }
        }
    }

    /// <param name="first">Whether the first filter has no bar before it.</param>
    private List<FilterUse> ReadFilters(bool first)
    {
        var filters = new List<FilterUse>();
        for (; first || Skip("|"); first = false)
        {
            var line = Current.Line;
            var name = ReadDottedName();
            if (!Filters.All.ContainsKey(name))
                throw Error(line, $"there is no filter '{name}' here");
            filters.Add(new FilterUse(line, name, Current.IsOperator("(") ? ReadArguments() : ArgumentList.None));
        }
        return filters;
    }

    private Expression ReadTest(Expression value)
    {
        var line = Next().Line;
        var isNegated = SkipName("not");
        var name = ReadDottedName();
        if (!Tests.All.ContainsKey(name))
            throw Error(line, $"there is no test '{name}' here");
        var arguments = ArgumentList.None;
        if (Current.IsOperator("("))
            arguments = ReadArguments();
        else if (TakesArgument())
            arguments = new ArgumentList([ReadPostfix(ReadPrimary())], [], null, null);
        Expression test = new Test(line, Deeper(line, PartsOf(arguments).Append(value)), value, name, arguments);
        return isNegated ? new Not(line, Deeper(line, test), test) : test;
    }

    // "x is divisibleby 3": an argument without brackets.
    private bool TakesArgument()
    {
        if (Current.IsName("is"))
            throw Error(Current.Line, "a test follows a test: use 'and'");
        return Current.Kind is TokenKind.Text or TokenKind.Integer or TokenKind.Float || Current.IsOperator("[") || Current.IsOperator("{")
            || (Current.Kind == TokenKind.Name && Current.Text is not ("else" or "or" or "and"));
    }

    private string ReadDottedName()
    {
        var name = ExpectName();
        while (Skip("."))
            name += $".{ExpectName()}";
        return name;
    }
}
