namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>Here the expressions.</summary>
internal sealed partial class Evaluator
{
    private object? Evaluate(Expression expression, Scope scope)
    {
        Limits.Step();
        var value = expression switch
        {
            Constant constant => constant.Value,
            Name name => scope.TryGet(name.Identifier, out var named) ? named : Undefined.Name(name.Identifier),
            _ => Inner(),
        };
        if (value is TracedText text)
            Limits.Use(text);
        return value;

        object? Inner()
        {
            CheckStack();
            Line = expression.Line;
            var result = Compute(expression, scope);
            // What an attribute or a choice gives was there before.
            if (expression is not (Attribute or Item or Conditional or Logic))
                Limits.Make(result);
            return result;
        }
    }

    private object? Compute(Expression expression, Scope scope) => expression switch
    {
        Attribute attribute => Access.Attribute(Evaluate(attribute.Object, scope), attribute.Identifier),
        Item item => Access.Item(Evaluate(item.Object, scope), Evaluate(item.Key, scope)),
        Slice slice => Access.Slice(
            Evaluate(slice.Object, scope), EvaluateOrNull(slice.Start, scope), EvaluateOrNull(slice.Stop, scope), EvaluateOrNull(slice.Step, scope)),
        Call call => Call(Evaluate(call.Function, scope), Evaluate(call.Arguments, scope)),
        Filtered filtered => Apply(filtered.Filter, Evaluate(filtered.Value, scope), scope),
        Test test => Tests.All[test.Name](Evaluate(test.Value, scope), Evaluate(test.Arguments, scope)),
        Not not => !Types.IsTrue(Evaluate(not.Value, scope)),
        Signed signed => signed.IsNegative ? Operators.Negate(Evaluate(signed.Value, scope)) : Operators.Plus(Evaluate(signed.Value, scope)),
        Arithmetic arithmetic => Operators.Apply(arithmetic.Operator, Evaluate(arithmetic.Left, scope), Evaluate(arithmetic.Right, scope)),
        Logic logic => Evaluate(logic.Left, scope) is var left && Types.IsTrue(left) == logic.IsAnd ? Evaluate(logic.Right, scope) : left,
        Concatenation concatenation => Concatenated(concatenation, scope),
        Comparison comparison => Compared(comparison, scope),
        Conditional conditional => Choose(conditional, scope),
        SequenceLiteral { IsTuple: true } tuple => new PythonTuple([.. tuple.Items.Select(item => Evaluate(item, scope))]),
        SequenceLiteral list => new PythonList([.. list.Items.Select(item => Evaluate(item, scope))]),
        DictionaryLiteral literal => DictionaryOf(literal, scope),
        _ => throw new InvalidOperationException(expression.GetType().Name),
    };

    private object? EvaluateOrNull(Expression? expression, Scope scope) => expression is null ? null : Evaluate(expression, scope);

    private object? Choose(Conditional conditional, Scope scope)
    {
        if (Types.IsTrue(Evaluate(conditional.Condition, scope)))
            return Evaluate(conditional.Then, scope);
        return conditional.Else is { } otherwise ? Evaluate(otherwise, scope)
            : new Undefined("the inline if-expression evaluated to false and no else section was defined.");
    }

    private TracedText Concatenated(Concatenation concatenation, Scope scope)
    {
        var text = new TracedTextBuilder();
        foreach (var part in concatenation.Parts)
            text.Add(PythonText.Str(Evaluate(part, scope)));
        return text.ToText();
    }

    private bool Compared(Comparison comparison, Scope scope)
    {
        var left = Evaluate(comparison.First, scope);
        foreach (var (sign, expression) in comparison.Rest)
        {
            var right = Evaluate(expression, scope);
            if (!Tests.Compare(sign, left, right))
                return false;
            left = right;
        }
        return true;
    }

    private PythonDictionary DictionaryOf(DictionaryLiteral literal, Scope scope)
    {
        var dictionary = new PythonDictionary();
        foreach (var (key, value) in literal.Items)
            dictionary.Items[PythonDictionary.KeyOf(Evaluate(key, scope))] = Evaluate(value, scope);
        return dictionary;
    }

    private Arguments Evaluate(ArgumentList arguments, Scope scope)
    {
        if (ReferenceEquals(arguments, ArgumentList.None))
            return Arguments.None;
        var positional = arguments.Positional.Select(argument => Evaluate(argument, scope)).ToList();
        var named = arguments.Named.Select(argument => KeyValuePair.Create(argument.Name, Evaluate(argument.Value, scope))).ToList();
        if (arguments.MorePositional is { } more)
            positional.AddRange(Types.Items(Evaluate(more, scope)));
        if (arguments.MoreNamed is { } moreNamed)
        {
            var value = Evaluate(moreNamed, scope);
            if (value is not PythonDictionary dictionary)
                throw new EvaluationException($"argument after ** must be a mapping, not {Types.NameOf(value)}");
            named.AddRange(dictionary.Items.Select(item => KeyValuePair.Create(Types.Text(PythonDictionary.ValueOf(item.Key), "keywords").Value, item.Value)));
        }
        return new Arguments(positional, named);
    }

    private object? Apply(FilterUse filter, object? value, Scope scope)
    {
        var arguments = Evaluate(filter.Arguments, scope);
        Line = filter.Line;
        // What it goes through counts, whatever it gives.
        if (value is PythonSequence sequence)
            Limits.Step(sequence.Items.Count);
        var result = Filters.All[filter.Name](value, arguments);
        Limits.Make(result);
        return result;
    }

    private object? Call(object? function, Arguments arguments)
    {
        if (_calls >= Limits.CallDepth)
            throw new EvaluationException($"macros call each other more than {Limits.CallDepth} deep, the limit of a chat template");
        _calls++;
        var result = function switch
        {
            Function callable => callable.Call(arguments),
            LoopState loop => loop.Recurse(arguments),
            Undefined undefined => throw undefined.Error(),
            _ => throw new EvaluationException($"'{Types.NameOf(function)}' object is not callable"),
        };
        _calls--;
        return result;
    }

    private Function MacroOf(string name, Signature signature, Block body, Scope scope) => new($"<Macro '{name}'>", arguments =>
    {
        var inner = new Scope(scope);
        Bind(name, signature, arguments, inner);
        return Captured(() => Execute(body, inner));
    });

    private void Bind(string name, Signature signature, Arguments arguments, Scope inner)
    {
        var named = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var (key, value) in arguments.Named)
        {
            if (!named.TryAdd(key, value))
                throw new EvaluationException($"macro '{name}' got multiple values for keyword argument '{key}'");
        }
        var parameters = signature.Parameters;
        for (var i = 0; i < parameters.Count; i++)
        {
            var (parameter, missing) = parameters[i];
            if (i < arguments.Positional.Count)
                inner[parameter] = arguments.Positional[i];
            else if (named.Remove(parameter, out var value))
                inner[parameter] = value;
            else
                inner[parameter] = missing is null ? new Undefined($"parameter '{parameter}' was not provided") : Evaluate(missing, inner);
        }
        if (signature.UsesCaller && parameters.All(parameter => parameter.Name != "caller"))
            inner["caller"] = named.Remove("caller", out var caller) ? caller : new Undefined("No caller defined");
        if (signature.UsesKeywords)
            inner["kwargs"] = Filters.DictionaryOf(named);
        else if (named.Count > 0)
            throw new EvaluationException($"macro '{name}' takes no keyword argument '{named.Keys.First()}'");
        if (signature.UsesPositionals)
            inner["varargs"] = new PythonTuple([.. arguments.Positional.Skip(parameters.Count)]);
        else if (arguments.Positional.Count > parameters.Count)
            throw new EvaluationException($"macro '{name}' takes not more than {parameters.Count} argument(s)");
    }
}
