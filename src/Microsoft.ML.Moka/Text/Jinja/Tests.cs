using System.Numerics;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>What stands behind "is".</summary>
internal static class Tests
{
    public static IReadOnlyDictionary<string, Func<object?, Arguments, bool>> All { get; } =
        new Dictionary<string, Func<object?, Arguments, bool>>(StringComparer.Ordinal)
    {
        ["defined"] = Plain("defined", value => value is not Undefined),
        ["undefined"] = Plain("undefined", value => value is Undefined),
        ["none"] = Plain("none", value => value is null),
        ["boolean"] = Plain("boolean", value => value is bool),
        ["true"] = Plain("true", value => value is true),
        ["false"] = Plain("false", value => value is false),
        ["integer"] = Plain("integer", value => value is BigInteger),
        ["float"] = Plain("float", value => value is double),
        ["number"] = Plain("number", value => value is bool or BigInteger or double),
        ["string"] = Plain("string", value => value is TracedText),
        ["mapping"] = Plain("mapping", value => value is PythonDictionary),
        ["sequence"] = Plain("sequence", value => value is TracedText or PythonSequence or PythonDictionary or Undefined),
        ["iterable"] =
            Plain("iterable", value => value is TracedText or PythonSequence or PythonDictionary or PythonView or PythonGenerator or Undefined or LoopState),
        ["callable"] = Plain("callable", value => value is Function or LoopState),
        ["odd"] = Plain("odd", value => IsOne(Operators.Apply("%", value, new BigInteger(2)))),
        ["even"] = Plain("even", value => !Types.IsTrue(Operators.Apply("%", value, new BigInteger(2)))),
        ["divisibleby"] = (value, arguments) => !Types.IsTrue(Operators.Apply("%", value, arguments.Bind("divisibleby", "num")["num"])),
        ["lower"] = Plain("lower", value => IsCase(value, "islower")),
        ["upper"] = Plain("upper", value => IsCase(value, "isupper")),
        ["escaped"] = Plain("escaped", value => value is TracedText { IsMarkup: true }),
        ["filter"] = Plain("filter", value => value is TracedText name && Filters.All.ContainsKey(name.Value)),
        ["test"] = Plain("test", value => value is TracedText name && All!.ContainsKey(name.Value)),
        ["sameas"] = (value, arguments) => IsSame(value, arguments.Bind("sameas", "other")["other"]),
        ["in"] = (value, arguments) => Operators.IsIn(value, arguments.Bind("in", "seq")["seq"]),
        ["eq"] = Compared("==", "eq"),
        ["equalto"] = Compared("==", "equalto"),
        ["=="] = Compared("==", "=="),
        ["ne"] = Compared("!=", "ne"),
        ["!="] = Compared("!=", "!="),
        ["lt"] = Compared("<", "lt"),
        ["lessthan"] = Compared("<", "lessthan"),
        ["<"] = Compared("<", "<"),
        ["le"] = Compared("<=", "le"),
        ["<="] = Compared("<=", "<="),
        ["gt"] = Compared(">", "gt"),
        ["greaterthan"] = Compared(">", "greaterthan"),
        [">"] = Compared(">", ">"),
        ["ge"] = Compared(">=", "ge"),
        [">="] = Compared(">=", ">="),
    };

    /// <summary>"a sign b".</summary>
    public static bool Compare(string sign, object? a, object? b) => sign switch
    {
        "==" => PythonComparer.AreEqual(a, b),
        "!=" => !PythonComparer.AreEqual(a, b),
        "in" => Operators.IsIn(a, b),
        "not in" => !Operators.IsIn(a, b),
        "<" => PythonComparer.Compare(a, b, sign) < 0,
        "<=" => PythonComparer.Compare(a, b, sign) <= 0,
        ">" => PythonComparer.Compare(a, b, sign) > 0,
        _ => PythonComparer.Compare(a, b, sign) >= 0,
    };

    private static Func<object?, Arguments, bool> Plain(string name, Func<object?, bool> holds) => (value, arguments) =>
    {
        arguments.Bind(name);
        return holds(value);
    };

    private static Func<object?, Arguments, bool> Compared(string sign, string name) =>
        (value, arguments) => Compare(sign, value, arguments.Bind(name, "other")["other"]);

    private static bool IsOne(object? value) => PythonComparer.AreEqual(value, BigInteger.One);

    private static bool IsCase(object? value, string method) => (bool)TextMethods.All[method](PythonText.Str(value), Arguments.None)!;

    // Small numbers and texts are one object each in Python, so that "sameas" is used as "==" on them.
    private static bool IsSame(object? a, object? b) => (a, b) switch
    {
        (bool x, bool y) => x == y,
        (BigInteger x, BigInteger y) => x == y,
        (double x, double y) => x.Equals(y),
        (TracedText x, TracedText y) => x.Value == y.Value,
        _ => ReferenceEquals(a, b),
    };
}
