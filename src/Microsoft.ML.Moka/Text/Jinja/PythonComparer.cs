using System.Numerics;
using System.Runtime.CompilerServices;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>When values are equal, and which of two is the smaller.</summary>
internal sealed class PythonComparer : IEqualityComparer<object>
{
    public static PythonComparer Instance { get; } = new();

    bool IEqualityComparer<object>.Equals(object? x, object? y) => AreEqual(x, y);

    public int GetHashCode(object value) => HashOf(value, 0);

    private static int HashOf(object? value, int depth)
    {
        CheckDepth(depth);
        return value switch
        {
            null => 0,
            bool truth => truth ? 1.0.GetHashCode() : 0.0.GetHashCode(),
            BigInteger number => ((double)number).GetHashCode(),
            double number => number.GetHashCode(),
            TracedText text => text.GetHashCode(),
            PythonTuple tuple => tuple.Items.Aggregate(17, (hash, item) => HashCode.Combine(hash, HashOf(item, depth + 1))),
            _ => RuntimeHelpers.GetHashCode(value),
        };
    }

    public static bool AreEqual(object? a, object? b, int depth = 0)
    {
        CheckDepth(depth);
        return (a, b) switch
        {
            _ when ReferenceEquals(a, b) && a is not double => true,
            (TracedText x, TracedText y) => AreTextsEqual(x, y),
            (PythonList x, PythonList y) => AreItemsEqual(x.Items, y.Items, depth),
            (PythonTuple x, PythonTuple y) => AreItemsEqual(x.Items, y.Items, depth),
            (PythonRange x, PythonRange y) => AreItemsEqual(x.Items, y.Items, depth),
            (PythonDictionary x, PythonDictionary y) => x.Items.Count == y.Items.Count
                && x.Items.All(pair => y.Items.TryGetValue(pair.Key, out var other) && AreEqual(pair.Value, other, depth + 1)),
            (Undefined, Undefined) => true,
            _ when Number(a) is { } x && Number(b) is { } y => CompareNumbers(x, y) == 0,
            _ => false,
        };
    }

    /// <summary>Less than 0 where the first is the smaller; null where they have no order, as with NaN.</summary>
    /// <exception cref="EvaluationException">They are of kinds that have no order.</exception>
    public static int? Compare(object? a, object? b, string sign = "<", int depth = 0)
    {
        CheckDepth(depth);
        if (a is Undefined undefinedA)
            throw undefinedA.Error();
        if (b is Undefined undefinedB)
            throw undefinedB.Error();
        if (a is TracedText x && b is TracedText y)
            return CompareTexts(x.Value, y.Value);
        if (Number(a) is { } m && Number(b) is { } n)
            return CompareNumbers(m, n);
        if ((a, b) is (PythonList, PythonList) or (PythonTuple, PythonTuple))
        {
            var (first, second) = (((PythonSequence)a!).Items, ((PythonSequence)b!).Items);
            for (var i = 0; i < first.Count && i < second.Count; i++)
            {
                if (!AreEqual(first[i], second[i], depth + 1))
                    return Compare(first[i], second[i], sign, depth + 1);
            }
            return first.Count.CompareTo(second.Count);
        }
        throw new EvaluationException($"'{sign}' not supported between instances of '{Types.NameOf(a)}' and '{Types.NameOf(b)}'");
    }

    /// <summary>The number that a value is: a BigInteger or a double.</summary>
    public static object? Number(object? value) => value switch
    {
        bool truth => truth ? BigInteger.One : BigInteger.Zero,
        BigInteger or double => value,
        _ => null,
    };

    private static bool AreTextsEqual(TracedText a, TracedText b)
    {
        if (a.Length != b.Length)
            return false;
        Limits.Use(a);
        return a.Value == b.Value;
    }

    private static int? CompareNumbers(object a, object b)
    {
        if (a is BigInteger x && b is BigInteger y)
            return x.CompareTo(y);
        var (m, n) = (ToDouble(a), ToDouble(b));
        return double.IsNaN(m) || double.IsNaN(n) ? null : m.CompareTo(n);
    }

    private static double ToDouble(object number) => number is double value ? value : (double)(BigInteger)number;

    // By characters, not by UTF-16 units.
    private static int CompareTexts(string a, string b)
    {
        var i = a.AsSpan().CommonPrefixLength(b);
        if (i == a.Length || i == b.Length)
            return a.Length.CompareTo(b.Length);
        return char.IsSurrogate(a[i]) == char.IsSurrogate(b[i]) ? a[i].CompareTo(b[i]) : char.IsSurrogate(a[i]) ? 1 : -1;
    }

    private static bool AreItemsEqual(IReadOnlyList<object?> a, IReadOnlyList<object?> b, int depth)
    {
        if (a.Count != b.Count)
            return false;
        for (var i = 0; i < a.Count; i++)
        {
            if (!AreEqual(a[i], b[i], depth + 1))
                return false;
        }
        return true;
    }

    private static void CheckDepth(int depth)
    {
        Limits.Step();
        if (depth > Limits.ValueDepth)
            throw new EvaluationException($"values lie more than {Limits.ValueDepth} deep in each other");
    }
}
