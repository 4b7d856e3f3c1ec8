using System.Numerics;

namespace Microsoft.ML.Moka.Text.Jinja;

// A value is null (None), a bool, a BigInteger (int), a double (float), a TracedText (str), or one of these.

/// <summary>A list, a tuple, or what a filter gives one by one.</summary>
internal abstract class PythonSequence(IReadOnlyList<object?> items)
{
    public IReadOnlyList<object?> Items { get; } = items;
}

internal sealed class PythonList(IReadOnlyList<object?> items) : PythonSequence(items);

internal class PythonTuple(IReadOnlyList<object?> items) : PythonSequence(items);

/// <summary>A group of <c>groupby</c>: a tuple whose parts have names.</summary>
internal sealed class PythonGroup(object? grouper, PythonList list) : PythonTuple([grouper, list]);

/// <summary>A generator: it is gone through once.</summary>
internal sealed class PythonGenerator(IReadOnlyList<object?> items)
{
    private int _next;

    public int Count => items.Count;

    public bool TryTake(out object? item)
    {
        item = _next < items.Count ? items[_next] : null;
        return _next++ < items.Count;
    }
}

internal sealed class PythonRange(BigInteger start, BigInteger stop, BigInteger step) : PythonSequence(Numbers(start, stop, step))
{
    private const int MaximumLength = 100_000;

    public PythonRange Part(int from, int to, int by) => new(start + from * step, start + to * step, step * by);

    public string Shown { get; } = step.IsOne ? FormattableString.Invariant($"range({start}, {stop})")
        : FormattableString.Invariant($"range({start}, {stop}, {step})");

    private static List<object?> Numbers(BigInteger start, BigInteger stop, BigInteger step)
    {
        if (step.IsZero)
            throw new EvaluationException("range() arg 3 must not be zero");
        var length = BigInteger.Max(0, (stop - start + step - step.Sign) / step);
        if (length > MaximumLength)
            throw new EvaluationException($"Range too big. The sandbox blocks ranges larger than MAX_RANGE ({MaximumLength}).");
        var numbers = new List<object?>((int)length);
        for (var i = 0; i < (int)length; i++)
            numbers.Add(start + i * step);
        return numbers;
    }
}

/// <summary>A dictionary; its keys keep their order.</summary>
internal sealed class PythonDictionary
{
    public OrderedDictionary<object, object?> Items { get; } = new(PythonComparer.Instance);

    public object? this[string name]
    {
        set => Items[new TracedText(name)] = value;
    }

    /// <summary>None is a key too.</summary>
    public static object KeyOf(object? value)
    {
        if (value is PythonList or PythonDictionary)
            throw new EvaluationException($"unhashable type: '{Types.NameOf(value)}'");
        return value ?? NoneKey.Instance;
    }

    public static object? ValueOf(object key) => key is NoneKey ? null : key;

    public IEnumerable<object?> Keys => Items.Keys.Select(ValueOf);

    public bool TryGet(object? key, out object? value) => Items.TryGetValue(KeyOf(key), out value);

    private sealed class NoneKey
    {
        public static NoneKey Instance { get; } = new();
    }
}

internal enum ViewKind
{
    Keys,
    Values,
    Items,
}

/// <summary>keys(), values() or items() of a dictionary.</summary>
internal sealed class PythonView(ViewKind kind, PythonDictionary dictionary)
{
    public ViewKind Kind => kind;

    public List<object?> Items { get; } = kind switch
    {
        ViewKind.Keys => [.. dictionary.Keys],
        ViewKind.Values => [.. dictionary.Items.Values],
        _ => [.. dictionary.Items.Select(object? (pair) => new PythonTuple([PythonDictionary.ValueOf(pair.Key), pair.Value]))],
    };
}

/// <summary>namespace(): the one thing that can be changed.</summary>
internal sealed class PythonNamespace
{
    public Dictionary<string, object?> Attributes { get; } = new(StringComparer.Ordinal);
}

/// <summary>A name, attribute or item that is not there: printed it is nothing, and to use it in any other way is an error.</summary>
/// <param name="problem">What the error says.</param>
internal sealed class Undefined(string problem)
{
    public EvaluationException Error() => new(problem);

    public static Undefined Name(string name) => new($"'{name}' is undefined");
}

/// <summary>Something that can be called.</summary>
/// <param name="shown">A macro as Jinja prints it; the name of any other function, which Python prints with its place in memory.</param>
/// <param name="call">What it does.</param>
internal sealed class Function(string shown, Func<Arguments, object?> call)
{
    public string Shown => shown;

    public object? Call(Arguments arguments) => call(arguments);
}

/// <summary>cycler(…).</summary>
internal sealed class Cycler(IReadOnlyList<object?> items)
{
    private int _at;

    public object? Current => items[_at];

    public object? Next()
    {
        var item = Current;
        _at = (_at + 1) % items.Count;
        return item;
    }

    public object? Reset()
    {
        _at = 0;
        return null;
    }
}
