using System.Numerics;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>Attributes, items and slices of values, as Jinja's sandbox gives them.</summary>
internal static class Access
{
    /// <summary>"value.name": an attribute, else an item.</summary>
    public static object? Attribute(object? value, string name)
    {
        if (TryAttribute(value, name, out var attribute))
            return attribute;
        return value is PythonDictionary dictionary && dictionary.TryGet(new TracedText(name), out var item) ? item : Missing(value, name);
    }

    /// <summary>"value[key]": an item, else an attribute.</summary>
    public static object? Item(object? value, object? key)
    {
        if (value is Undefined undefined)
            throw undefined.Error();
        if (TryItem(value, key, out var item))
            return item;
        if (key is not TracedText name)
            return new Undefined($"{Types.ObjectNameOf(value)} has no element {PythonText.Repr(key)}");
        return TryAttribute(value, name.Value, out var attribute) ? attribute : Missing(value, name.Value);
    }

    /// <summary>An attribute alone, as the filter attr gives it.</summary>
    public static object? AttributeOnly(object? value, string name) => TryAttribute(value, name, out var attribute) ? attribute : Missing(value, name);

    public static object? Slice(object? value, object? start, object? stop, object? step)
    {
        switch (value)
        {
            case TracedText text:
                if (step is null && text.Length == text.CharacterCount)
                {
                    var (from, to, _) = Bounds(text.Length, start, stop, step);
                    return to > from ? text.Part(from, to - from) : TracedText.Empty;
                }
                var starts = text.CharacterStarts();
                var picked = new TracedTextBuilder();
                foreach (var i in Indexes(starts.Length - 1, start, stop, step))
                    picked.Add(text.Part(starts[i], starts[i + 1] - starts[i]));
                return picked.ToText();
            case PythonTuple tuple: return new PythonTuple([.. Indexes(tuple.Items.Count, start, stop, step).Select(i => tuple.Items[i])]);
            case PythonRange range:
                var (first, last, by) = Bounds(range.Items.Count, start, stop, step);
                return range.Part(first, last, by);
            case PythonSequence sequence: return new PythonList([.. Indexes(sequence.Items.Count, start, stop, step).Select(i => sequence.Items[i])]);
            case Undefined undefined: throw undefined.Error();
            case PythonDictionary: throw new EvaluationException("unhashable type: 'slice'");
            default: throw new EvaluationException($"'{Types.NameOf(value)}' object is not subscriptable");
        }
    }

    private static IEnumerable<int> Indexes(int length, object? start, object? stop, object? step)
    {
        var (from, to, by) = Bounds(length, start, stop, step);
        for (var i = (long)from; by > 0 ? i < to : i > to; i += by)
            yield return (int)i;
    }

    private static (int From, int To, int Step) Bounds(int length, object? start, object? stop, object? step)
    {
        var by = step is null ? 1 : Clamped(step);
        if (by == 0)
            throw new EvaluationException("slice step cannot be zero");
        var (least, most) = by > 0 ? (0, length) : (-1, length - 1);
        return (Place(start, by > 0 ? least : most), Place(stop, by > 0 ? most : least), by);

        int Place(object? at, int missing)
        {
            if (at is null)
                return missing;
            long place = Clamped(at);
            return (int)Math.Clamp(place < 0 ? place + length : place, least, most);
        }
    }

    private static int Clamped(object value) => value switch
    {
        bool truth => truth ? 1 : 0,
        BigInteger number => (int)BigInteger.Max(BigInteger.Min(number, int.MaxValue), -int.MaxValue),
        Undefined undefined => throw undefined.Error(),
        _ => throw new EvaluationException("slice indices must be integers or None or have an __index__ method"),
    };

    private static bool TryItem(object? value, object? key, out object? item)
    {
        item = null;
        switch (value)
        {
            case PythonDictionary dictionary:
                return key is not (PythonList or PythonDictionary) && dictionary.TryGet(key, out item);
            case PythonSequence sequence when PythonComparer.Number(key) is BigInteger number:
                var index = number.Sign < 0 ? number + sequence.Items.Count : number;
                if (index.Sign < 0 || index >= sequence.Items.Count)
                    return false;
                item = sequence.Items[(int)index];
                return true;
            case TracedText text when PythonComparer.Number(key) is BigInteger number:
                var at = number.Sign < 0 ? number + text.CharacterCount : number;
                if (at.Sign < 0 || at >= text.CharacterCount)
                    return false;
                var unit = text.UnitOf((int)at);
                item = text.Part(unit, text.SizeAt(unit));
                return true;
            default:
                return false;
        }
    }

    private static bool TryAttribute(object? value, string name, out object? attribute)
    {
        attribute = value switch
        {
            Undefined undefined => throw undefined.Error(),
            TracedText text when TextMethods.All.TryGetValue(name, out var method) => new Function(name, arguments => method(text, arguments)),
            LoopState loop => loop.Attribute(name),
            PythonNamespace space => space.Attributes.TryGetValue(name, out var item) ? item : NotFound.Instance,
            Cycler cycler when name == "current" => cycler.Current,
            PythonGroup group when name is "grouper" or "list" => group.Items[name == "list" ? 1 : 0],
            _ => ContainerMethods.Find(value, name) is { } method ? new Function(name, method) : NotFound.Instance,
        };
        if (attribute is not NotFound)
            return true;
        if (name.Length > 4 && name.StartsWith("__", StringComparison.Ordinal) && name.EndsWith("__", StringComparison.Ordinal)
            || ContainerMethods.IsUnsafe(value, name))
        {
            attribute = new Undefined($"access to attribute '{name}' of '{Types.NameOf(value)}' object is unsafe.");
            return true;
        }
        if (ContainerMethods.IsUnsupported(value, name))
            throw new EvaluationException($"the method '{name}' of a {Types.NameOf(value)} is not supported in chat templates here");
        attribute = null;
        return false;
    }

    private static Undefined Missing(object? value, string name) =>
        new($"'{Types.ObjectNameOf(value)}' has no attribute {PythonText.Repr(new TracedText(name))}");

    /// <summary>None is an attribute's value as well.</summary>
    internal sealed class NotFound
    {
        public static NotFound Instance { get; } = new();
    }
}
