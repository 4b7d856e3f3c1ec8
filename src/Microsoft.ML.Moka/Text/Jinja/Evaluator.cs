using System.Runtime.CompilerServices;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>Executes a syntax tree: here the statements.</summary>
internal sealed partial class Evaluator
{
    private readonly List<(int Start, int End)> _spans = [];
    private TracedTextBuilder _output = new();
    private int _capturing;
    private int _calls;

    private enum Flow
    {
        Next,
        Break,
        Continue,
    }

    /// <summary>The line that is being executed.</summary>
    public int Line { get; private set; } = 1;

    public Rendering Run(Block body, Scope scope)
    {
        Execute(body, scope);
        return new Rendering(_output.ToText(), _spans);
    }

    private Flow Execute(Block block, Scope scope)
    {
        CheckStack();
        foreach (var statement in block.Statements)
        {
            Line = statement.Line;
            Limits.Step();
            if (Execute(statement, scope) is var flow and not Flow.Next)
                return flow;
        }
        return Flow.Next;
    }

    private Flow Execute(Statement statement, Scope scope)
    {
        switch (statement)
        {
            case Data data:
                _output.Add(data.Text);
                break;
            case Print print:
                _output.Add(PythonText.Str(Evaluate(print.Value, scope)));
                break;
            case If choice:
                foreach (var (condition, body) in choice.Branches)
                {
                    if (Types.IsTrue(Evaluate(condition, scope)))
                        return Execute(body, scope);
                }
                return Execute(choice.Else, scope);
            case For loop:
                RunLoop(loop, Evaluate(loop.Items, scope), scope, depth: 0);
                break;
            case Set set:
                Assign(set.Target, Evaluate(set.Value, scope), scope);
                break;
            case SetBlock set:
                return Capture(set.Body, new Scope(scope), text => Assign(set.Target, Apply(set.Filters, text, scope), scope));
            case FilterBlock filter:
                return Capture(filter.Body, new Scope(scope), text => _output.Add(PythonText.Str(Apply(filter.Filters, text, scope))));
            case MacroDefinition macro:
                scope[macro.Name] = MacroOf(macro.Name, macro.Signature, macro.Body, scope);
                break;
            case CallBlock block:
                var caller = MacroOf("caller", block.Signature, block.Body, scope);
                var (function, arguments) = (Evaluate(block.Call.Function, scope), Evaluate(block.Call.Arguments, scope));
                arguments = arguments with { Named = [.. arguments.Named, KeyValuePair.Create("caller", (object?)caller)] };
                _output.Add(PythonText.Str(Call(function, arguments)));
                break;
            case With with:
                var inner = new Scope(scope);
                foreach (var (target, value) in with.Assignments)
                    Assign(target, Evaluate(value, scope), inner);
                return Execute(with.Body, inner);
            case Generation generation:
                WriteGeneration(generation, scope);
                break;
            case Break:
                return Flow.Break;
            case Continue:
                return Flow.Continue;
        }
        return Flow.Next;
    }

    // Its place is known only where it is written to the output itself.
    private void WriteGeneration(Generation generation, Scope scope)
    {
        var start = _output.Length;
        Execute(generation.Body, new Scope(scope));
        if (_capturing == 0)
            _spans.Add((start, _output.Length));
    }

    private void RunLoop(For loop, object? value, Scope scope, int depth)
    {
        var items = Types.Items(value).ToList();
        Limits.Step(items.Count);
        if (loop.Filter is { } filter)
            items = items.FindAll(item => Keeps(item));
        var state = new LoopState(items, depth, loop.IsRecursive ? inner => Captured(() => RunLoop(loop, inner, scope, depth + 1)) : null);
        var isUntouched = true;
        foreach (var item in items)
        {
            Limits.Step();
            state.Index0++;
            var body = new Scope(scope) { ["loop"] = state };
            Assign(loop.Target, item, body);
            var flow = Execute(loop.Body, body);
            if (flow == Flow.Break)
                break;
            // As in Jinja: a round that was cut short does not count.
            isUntouched &= flow == Flow.Continue;
        }
        if (isUntouched && loop.Else is { } otherwise)
            Execute(otherwise, new Scope(scope));

        bool Keeps(object? item)
        {
            var inner = new Scope(scope);
            Assign(loop.Target, item, inner);
            return Types.IsTrue(Evaluate(filter, inner));
        }
    }

    private static void Assign(Target target, object? value, Scope scope)
    {
        switch (target)
        {
            case NameTarget name:
                scope[name.Name] = value;
                break;
            case NamespaceTarget space:
                if (!scope.TryGet(space.Name, out var found) || found is not PythonNamespace attributes)
                    throw new EvaluationException("cannot assign attribute on non-namespace object");
                attributes.Attributes[space.Attribute] = value;
                break;
            case TupleTarget tuple:
                var all = Types.TryItems(value) ?? throw new EvaluationException($"cannot unpack non-iterable {Types.NameOf(value)} object");
                var items = all.Take(tuple.Items.Count + 1).ToList();
                if (items.Count > tuple.Items.Count)
                    throw new EvaluationException($"too many values to unpack (expected {tuple.Items.Count})");
                if (items.Count < tuple.Items.Count)
                    throw new EvaluationException($"not enough values to unpack (expected {tuple.Items.Count}, got {items.Count})");
                for (var i = 0; i < items.Count; i++)
                    Assign(tuple.Items[i], items[i], scope);
                break;
        }
    }

    /// <summary>Executes a body and gives what it writes to <paramref name="use"/>, unless it ends a loop around it.</summary>
    private Flow Capture(Block body, Scope scope, Action<TracedText> use)
    {
        var flow = Flow.Next;
        var text = Captured(() => flow = Execute(body, scope));
        if (flow == Flow.Next)
            use(text);
        return flow;
    }

    private TracedText Captured(Action write)
    {
        var outer = _output;
        _output = new TracedTextBuilder();
        _capturing++;
        try
        {
            write();
            return _output.ToText();
        }
        finally
        {
            _capturing--;
            _output = outer;
        }
    }

    private object? Apply(IReadOnlyList<FilterUse> filters, object? value, Scope scope)
    {
        foreach (var filter in filters)
            value = Apply(filter, value, scope);
        return value;
    }

    private static void CheckStack()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw new EvaluationException("it nests too deep");
    }
}
