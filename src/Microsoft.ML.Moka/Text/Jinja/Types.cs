using System.Numerics;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>What Python knows of every value: its type's name, whether it counts as true, what it can be gone through as.</summary>
internal static class Types
{
    public static string NameOf(object? value) => value switch
    {
        null => "NoneType",
        bool => "bool",
        BigInteger => "int",
        double => "float",
        TracedText => "str",
        PythonList => "list",
        PythonTuple => "tuple",
        PythonRange => "range",
        PythonDictionary => "dict",
        PythonGenerator => "generator",
        PythonView view => $"dict_{view.Kind.ToString().ToLowerInvariant()}",
        PythonNamespace => "Namespace",
        Undefined => "Undefined",
        LoopState => "LoopContext",
        Cycler => "Cycler",
        _ => "function",
    };

    /// <summary>How an error about a missing attribute calls the object.</summary>
    public static string ObjectNameOf(object? value) => value switch
    {
        null => "None",
        PythonNamespace => "jinja2.utils.Namespace object",
        LoopState => "jinja2.runtime.LoopContext object",
        _ => $"{NameOf(value)} object",
    };

    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool truth => truth,
        BigInteger number => !number.IsZero,
        double number => number != 0,
        TracedText text => text.Length > 0,
        PythonSequence sequence => sequence.Items.Count > 0,
        PythonDictionary dictionary => dictionary.Items.Count > 0,
        PythonView view => view.Items.Count > 0,
        _ => true,
    };

    /// <summary>The items, if the value can be gone through.</summary>
    public static IEnumerable<object?>? TryItems(object? value) => value switch
    {
        TracedText text => text.Characters(),
        PythonSequence sequence => sequence.Items,
        PythonDictionary dictionary => dictionary.Keys,
        PythonView view => view.Items,
        PythonGenerator generator => Take(generator),
        Undefined => [],
        _ => null,
    };

    public static IEnumerable<object?> Items(object? value) => TryItems(value) ?? throw new EvaluationException($"'{NameOf(value)}' object is not iterable");

    public static int Length(object? value) => value switch
    {
        TracedText text => text.CharacterCount,
        PythonSequence sequence => sequence.Items.Count,
        PythonDictionary dictionary => dictionary.Items.Count,
        PythonView view => view.Items.Count,
        LoopState loop => loop.Length,
        Undefined => 0,
        _ => throw new EvaluationException($"object of type '{NameOf(value)}' has no len()"),
    };

    /// <summary>A number as an index or a count.</summary>
    public static int Integer(object? value) => value switch
    {
        bool truth => truth ? 1 : 0,
        BigInteger number when number >= int.MinValue && number <= int.MaxValue => (int)number,
        BigInteger => throw new EvaluationException("cannot fit 'int' into an index-sized integer"),
        Undefined undefined => throw undefined.Error(),
        _ => throw new EvaluationException($"'{NameOf(value)}' object cannot be interpreted as an integer"),
    };

    public static TracedText Text(object? value, string what) => value switch
    {
        TracedText text => text,
        Undefined undefined => throw undefined.Error(),
        _ => throw new EvaluationException($"{what} must be str, not {NameOf(value)}"),
    };

    private static IEnumerable<object?> Take(PythonGenerator generator)
    {
        while (generator.TryTake(out var item))
            yield return item;
    }
}
