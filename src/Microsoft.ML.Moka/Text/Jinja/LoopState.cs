using System.Numerics;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>"loop": where a loop is.</summary>
/// <param name="items">What is gone through.</param>
/// <param name="depth">How many loops of the same recursive one lie around it.</param>
/// <param name="recurse">Goes through other items with the same body; null where the loop is not recursive.</param>
internal sealed class LoopState(IReadOnlyList<object?> items, int depth, Func<object?, object?>? recurse)
{
    private object? _lastChanged = Access.NotFound.Instance;

    public int Index0 { get; set; } = -1;

    public int Index => Index0 + 1;

    public int Length => items.Count;

    public object? Attribute(string name) => name switch
    {
        "index" => new BigInteger(Index),
        "index0" => new BigInteger(Index0),
        "revindex" => new BigInteger(Length - Index0),
        "revindex0" => new BigInteger(Length - Index),
        "first" => Index0 == 0,
        "last" => Index == Length,
        "length" => new BigInteger(Length),
        "depth" => new BigInteger(depth + 1),
        "depth0" => new BigInteger(depth),
        "previtem" => Index0 > 0 ? items[Index0 - 1] : new Undefined("there is no previous item"),
        "nextitem" => Index < Length ? items[Index] : new Undefined("there is no next item"),
        "cycle" => new Function("cycle", arguments => arguments.Positional.Count > 0
            ? arguments.Positional[Index0 % arguments.Positional.Count]
            : throw new EvaluationException("no items for cycling given")),
        "changed" => new Function("changed", arguments => HasChanged(new PythonTuple(arguments.Positional))),
        _ => Access.NotFound.Instance,
    };

    public object? Recurse(Arguments arguments) => recurse is null
        ? throw new EvaluationException("The loop must have the 'recursive' marker to be called recursively.")
        : recurse(arguments.Bind("loop", "iterable")["iterable"]);

    private bool HasChanged(PythonTuple value)
    {
        if (PythonComparer.AreEqual(value, _lastChanged))
            return false;
        _lastChanged = value;
        return true;
    }
}
