using System.Numerics;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>The methods of lists, tuples, dictionaries, ranges and cyclers.</summary>
internal static class ContainerMethods
{
    private static readonly string[] ChangesList = ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"];
    private static readonly string[] ChangesDictionary = ["clear", "pop", "popitem", "setdefault", "update"];
    private static readonly string[] OtherTextMethods = ["encode", "format_map", "maketrans", "translate"];

    private static readonly string[] NumberMethods =
    [
        "as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator", "from_bytes", "fromhex", "hex", "imag", "is_integer", "numerator", "real",
            "to_bytes",
    ];

    /// <summary>A method; null where there is none of that name.</summary>
    public static Func<Arguments, object?>? Find(object? value, string name) => (value, name) switch
    {
        (PythonDictionary dictionary, "get") => arguments =>
        {
            var bound = arguments.Bind("get", "key", "default?");
            return dictionary.TryGet(bound["key"], out var item) ? item : bound.Get("default");
        },
        (PythonDictionary dictionary, "keys") => arguments => View("keys", ViewKind.Keys, dictionary, arguments),
        (PythonDictionary dictionary, "values") => arguments => View("values", ViewKind.Values, dictionary, arguments),
        (PythonDictionary dictionary, "items") => arguments => View("items", ViewKind.Items, dictionary, arguments),
        (PythonDictionary dictionary, "copy") => arguments =>
        {
            arguments.Bind("copy");
            return Copy(dictionary);
        },
        (PythonList list, "copy") => arguments =>
        {
            arguments.Bind("copy");
            return new PythonList([.. list.Items]);
        },
        (PythonSequence sequence, "count") => arguments =>
        {
            var item = arguments.Bind("count", "value")["value"];
            return new BigInteger(sequence.Items.Count(other => PythonComparer.AreEqual(item, other)));
        },
        (PythonSequence sequence, "index") => arguments => IndexOf(sequence, arguments.Bind("index", "value", "start?", "stop?")),
        (Cycler cycler, "next") => _ => cycler.Next(),
        (Cycler cycler, "reset") => _ => cycler.Reset(),
        _ => null,
    };

    /// <summary>Whether a method changes its object, which the sandbox forbids.</summary>
    public static bool IsUnsafe(object? value, string name) =>
        value is PythonList && ChangesList.Contains(name) || value is PythonDictionary && ChangesDictionary.Contains(name);

    /// <summary>Whether Python has the method and this interpreter has not.</summary>
    public static bool IsUnsupported(object? value, string name) => value switch
    {
        TracedText => OtherTextMethods.Contains(name),
        PythonDictionary => name is "fromkeys",
        BigInteger or bool or double => NumberMethods.Contains(name),
        _ => false,
    };

    public static PythonDictionary Copy(PythonDictionary dictionary)
    {
        var copy = new PythonDictionary();
        foreach (var (key, item) in dictionary.Items)
            copy.Items[key] = item;
        return copy;
    }

    private static PythonView View(string name, ViewKind kind, PythonDictionary dictionary, Arguments arguments)
    {
        arguments.Bind(name);
        return new PythonView(kind, dictionary);
    }

    private static object IndexOf(PythonSequence sequence, Arguments.Bound arguments)
    {
        var count = sequence.Items.Count;
        var start = arguments.Integer("start", 0);
        var stop = arguments.Integer("stop", count);
        for (var i = Math.Max(start < 0 ? start + count : start, 0); i < Math.Min(stop < 0 ? stop + count : stop, count); i++)
        {
            if (PythonComparer.AreEqual(sequence.Items[i], arguments["value"]))
                return new BigInteger(i);
        }
        throw new EvaluationException($"{PythonText.Repr(arguments["value"])} is not in {Types.NameOf(sequence)}");
    }
}
