using System.Numerics;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>Arithmetic, as Python has it on its types.</summary>
internal static class Operators
{
    public static object? Apply(string sign, object? a, object? b)
    {
        if (a is Undefined undefinedA)
            throw undefinedA.Error();
        if (b is Undefined undefinedB && !(sign == "%" && a is TracedText))
            throw undefinedB.Error();
        if (PythonComparer.Number(a) is { } x && PythonComparer.Number(b) is { } y)
            return x is BigInteger m && y is BigInteger n ? OnIntegers(sign, m, n) : OnFloats(sign, ToDouble(x), ToDouble(y));
        return (sign, a, b) switch
        {
            ("+", TracedText first, TracedText second) => Add(first, second),
            ("+", PythonList first, PythonList second) => new PythonList(Both(first, second)),
            ("+", PythonTuple first, PythonTuple second) => new PythonTuple(Both(first, second)),
            ("+", TracedText, _) => throw new EvaluationException($"can only concatenate str (not \"{Types.NameOf(b)}\") to str"),
            ("+", PythonList or PythonTuple, _) =>
                throw new EvaluationException($"can only concatenate {Types.NameOf(a)} (not \"{Types.NameOf(b)}\") to {Types.NameOf(a)}"),
            ("*", _, _) when Repeated(a, b) is { } result => result,
            ("%", TracedText format, _) => PercentFormat.Apply(format, b),
            _ => throw Unsupported(sign == "**" ? "** or pow()" : sign, a, b),
        };
    }

    private static EvaluationException Unsupported(string sign, object? a, object? b) =>
        new($"unsupported operand type(s) for {sign}: '{Types.NameOf(a)}' and '{Types.NameOf(b)}'");

    public static object Negate(object? value) => PythonComparer.Number(value) switch
    {
        BigInteger number => -number,
        double number => -number,
        _ => throw (value is Undefined undefined ? undefined.Error() : new EvaluationException($"bad operand type for unary -: '{Types.NameOf(value)}'")),
    };

    public static object Plus(object? value) => PythonComparer.Number(value)
        ?? throw (value is Undefined undefined ? undefined.Error() : new EvaluationException($"bad operand type for unary +: '{Types.NameOf(value)}'"));

    /// <summary>Whether a value is in another one.</summary>
    public static bool IsIn(object? item, object? container) => container switch
    {
        TracedText text when item is TracedText part => text.Value.Contains(part.Value, StringComparison.Ordinal),
        TracedText =>
            throw (item is Undefined undefined ? undefined.Error()
            : new EvaluationException($"'in <string>' requires string as left operand, not {Types.NameOf(item)}")),
        PythonDictionary dictionary => dictionary.TryGet(item, out _),
        _ => (Types.TryItems(container) ?? throw new EvaluationException($"argument of type '{Types.NameOf(container)}' is not iterable")).Any(other =>
            PythonComparer.AreEqual(item, other)),
    };

    private static TracedText Add(TracedText a, TracedText b)
    {
        if (!a.IsMarkup && !b.IsMarkup)
            return new TracedTextBuilder().Add(a).Add(b).ToText();
        return new TracedTextBuilder().Add(Filters.Escape(a)).Add(Filters.Escape(b)).ToText().AsMarkup();
    }

    private static object?[] Both(PythonSequence first, PythonSequence second)
    {
        Limits.Step(first.Items.Count + second.Items.Count);
        return [.. first.Items, .. second.Items];
    }

    private static object? Repeated(object? a, object? b)
    {
        if ((PythonComparer.Number(b) ?? PythonComparer.Number(a)) is not BigInteger count)
            return null;
        var value = PythonComparer.Number(b) is null ? b : a;
        if (value is TracedText text)
            return new TracedTextBuilder().Repeat(text, (long)BigInteger.Min(count, int.MaxValue)).ToText();
        if (value is not (PythonList or PythonTuple))
            return null;
        var items = ((PythonSequence)value).Items;
        Limits.CheckText(items.Count * (double)BigInteger.Max(count, 0));
        Limits.Step((long)(items.Count * BigInteger.Max(count, 0)));
        var all = new List<object?>();
        for (var i = BigInteger.Zero; i < count && items.Count > 0; i++)
            all.AddRange(items);
        return value is PythonList ? new PythonList(all) : new PythonTuple(all);
    }

    private static object OnIntegers(string sign, BigInteger a, BigInteger b)
    {
        switch (sign)
        {
            case "+": return Bounded(a + b);
            case "-": return Bounded(a - b);
            case "*": return Bounded(a * b);
            case "/": return b.IsZero ? throw new EvaluationException("division by zero") : (double)a / (double)b;
            case "//" or "%" when b.IsZero: throw new EvaluationException(sign == "%" ? "integer modulo by zero" : "integer division or modulo by zero");
            case "//": return FloorDivide(a, b);
            case "%": return a - FloorDivide(a, b) * b;
            default:
                if (b.Sign < 0)
                    return OnFloats(sign, (double)a, (double)b);
                if (!a.IsZero && !BigInteger.Abs(a).IsOne && (b > Limits.IntegerBits || a.GetBitLength() * (long)b > Limits.IntegerBits))
                    throw TooLarge();
                return BigInteger.Abs(a) <= 1 && b > 2 ? BigInteger.Pow(a, b.IsEven ? 2 : 1) : BigInteger.Pow(a, (int)b);
        }
    }

    private static BigInteger Bounded(BigInteger value) => value.GetBitLength() <= Limits.IntegerBits ? value : throw TooLarge();

    private static EvaluationException TooLarge() => new($"a whole number would have more than {Limits.IntegerBits} bits, the limit of a chat template");

    private static BigInteger FloorDivide(BigInteger a, BigInteger b)
    {
        var quotient = BigInteger.DivRem(a, b, out var rest);
        return !rest.IsZero && rest.Sign != b.Sign ? quotient - 1 : quotient;
    }

    private static object OnFloats(string sign, double a, double b)
    {
        switch (sign)
        {
            case "+": return a + b;
            case "-": return a - b;
            case "*": return a * b;
            case "/" when b == 0: throw new EvaluationException("float division by zero");
            case "//" when b == 0: throw new EvaluationException("float floor division by zero");
            case "%" when b == 0: throw new EvaluationException("float modulo");
            case "/": return a / b;
            case "//": return Math.Floor(a / b);
            case "%":
                var rest = a % b;
                return rest == 0 ? Math.CopySign(0, b) : rest < 0 == b < 0 ? rest : rest + b;
            default:
                if (a == 0 && b < 0)
                    throw new EvaluationException("0.0 cannot be raised to a negative power");
                return Math.Pow(a, b);
        }
    }

    private static double ToDouble(object number) => number is double value ? value : (double)(BigInteger)number;
}
