using System.Globalization;
using System.Numerics;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>Filters that pick from lists, put them in order, or make others of them.</summary>
internal static class ListFilters
{
    public static object? First(object? value, Arguments arguments)
    {
        arguments.Bind("first");
        foreach (var item in Types.Items(value))
            return item;
        return new Undefined("No first item, sequence was empty.");
    }

    public static object? Last(object? value, Arguments arguments)
    {
        arguments.Bind("last");
        if (value is PythonGenerator)
            throw new EvaluationException("'generator' object is not reversible");
        var items = Types.Items(value).ToList();
        return items.Count > 0 ? items[^1] : new Undefined("No last item, sequence was empty.");
    }

    public static object? Map(object? value, Arguments arguments)
    {
        if (!Types.IsTrue(value))
            return new PythonGenerator([]);
        Func<object?, object?> map;
        if (arguments.Positional.Count == 0 && arguments.Named.Any(named => named.Key == "attribute"))
        {
            var bound = arguments.Bind("map", "attribute?", "default?");
            map = Getter(bound["attribute"], bound.Get("default"));
        }
        else
        {
            if (arguments.Positional.Count == 0)
                throw new EvaluationException("map requires a filter argument");
            var name = Types.Text(arguments.Positional[0], "map's filter").Value;
            var filter = Filters.All.TryGetValue(name, out var found) ? found : throw new EvaluationException($"No filter named '{name}'.");
            var rest = new Arguments([.. arguments.Positional.Skip(1)], arguments.Named);
            map = item => filter(item, rest);
        }
        return new PythonGenerator([.. Types.Items(value).Select(map)]);
    }

    public static object? Select(object? value, Arguments arguments, bool keeps, bool byAttribute)
    {
        if (!Types.IsTrue(value))
            return new PythonGenerator([]);
        var positional = arguments.Positional;
        Func<object?, object?> get = item => item;
        if (byAttribute)
        {
            if (positional.Count == 0)
                throw new EvaluationException("Missing parameter for attribute name");
            get = Getter(positional[0], null);
            positional = [.. positional.Skip(1)];
        }
        Func<object?, bool> holds = Types.IsTrue;
        if (positional.Count > 0)
        {
            var name = Types.Text(positional[0], "the test's name").Value;
            var test = Tests.All.TryGetValue(name, out var found) ? found : throw new EvaluationException($"No test named '{name}'.");
            var rest = new Arguments([.. positional.Skip(1)], arguments.Named);
            holds = item => test(item, rest);
        }
        return new PythonGenerator([.. Types.Items(value).Where(item => holds(get(item)) == keeps)]);
    }

    public static object? Sort(object? value, Arguments arguments)
    {
        var bound = arguments.Bind("sort", "reverse?", "case_sensitive?", "attribute?");
        var keys = new List<Func<object?, object?>>();
        // "a,b": by a, then by b.
        if (bound.Get("attribute") is TracedText names && names.Value.Contains(',', StringComparison.Ordinal))
            keys.AddRange(names.Value.Split(',').Select(name => KeyOf(new TracedText(name), bound.Truth("case_sensitive"))));
        else
            keys.Add(KeyOf(bound.Get("attribute"), bound.Truth("case_sensitive")));
        // Jinja compares lists of keys, also of one: equal keys, such as two times none, need no order.
        return new PythonList(Sorted([.. Types.Items(value)], item => new PythonTuple([.. keys.Select(key => key(item))]), bound.Truth("reverse")));
    }

    public static object? DictionarySort(object? value, Arguments arguments)
    {
        var bound = arguments.Bind("dictsort", "case_sensitive?", "by?", "reverse?");
        if (value is not PythonDictionary dictionary)
            throw value is Undefined undefined ? undefined.Error() : new EvaluationException($"'{Types.NameOf(value)}' object has no attribute 'items'");
        var by = bound.TextOrNone("by")?.Value ?? "key";
        if (by is not ("key" or "value"))
            throw new EvaluationException("You can only sort by either \"key\" or \"value\"");
        var isCased = bound.Truth("case_sensitive");
        return new PythonList(Sorted(new PythonView(ViewKind.Items, dictionary).Items, pair =>
            Cased(((PythonTuple)pair!).Items[by == "key" ? 0 : 1], isCased), bound.Truth("reverse")));
    }

    public static object? GroupBy(object? value, Arguments arguments)
    {
        var bound = arguments.Bind("groupby", "attribute", "default?", "case_sensitive?");
        var isCased = bound.Truth("case_sensitive");
        var get = Getter(bound["attribute"], bound.Get("default"));
        var groups = new List<(object? Key, List<object?> Items)>();
        foreach (var item in Sorted([.. Types.Items(value)], item => Cased(get(item), isCased), isReversed: false))
        {
            var key = Cased(get(item), isCased);
            if (groups.Count == 0 || !PythonComparer.AreEqual(groups[^1].Key, key))
                groups.Add((key, []));
            groups[^1].Items.Add(item);
        }
        return new PythonList([.. groups.Select(group => new PythonGroup(get(group.Items[0]), new PythonList(group.Items)))]);
    }

    public static object? Unique(object? value, Arguments arguments)
    {
        var bound = arguments.Bind("unique", "case_sensitive?", "attribute?");
        var key = KeyOf(bound.Get("attribute"), bound.Truth("case_sensitive"));
        var seen = new HashSet<object>(PythonComparer.Instance);
        return new PythonGenerator([.. Types.Items(value).Where(item => seen.Add(PythonDictionary.KeyOf(key(item))))]);
    }

    public static object? Extreme(string name, object? value, Arguments arguments, bool isLargest)
    {
        var bound = arguments.Bind(name, "case_sensitive?", "attribute?");
        var key = KeyOf(bound.Get("attribute"), bound.Truth("case_sensitive"));
        object? best = new Undefined("No aggregated item, sequence was empty."), bestKey = null;
        var isFirst = true;
        foreach (var item in Types.Items(value))
        {
            var itemKey = key(item);
            if (isFirst || (isLargest ? PythonComparer.Compare(itemKey, bestKey, ">") > 0 : PythonComparer.Compare(itemKey, bestKey) < 0))
                (best, bestKey) = (item, itemKey);
            isFirst = false;
        }
        return best;
    }

    public static object? Sum(object? value, Arguments arguments)
    {
        var bound = arguments.Bind("sum", "attribute?", "start?");
        var items = Types.Items(value);
        if (bound.Get("attribute") is { } attribute)
            items = items.Select(Getter(attribute, null));
        var sum = bound.Get("start", BigInteger.Zero);
        if (sum is TracedText)
            throw new EvaluationException("sum() can't sum strings [use ''.join(seq) instead]");
        return items.Aggregate(sum, (total, item) => Operators.Apply("+", total, item));
    }

    public static object? Batch(object? value, Arguments arguments)
    {
        var bound = arguments.Bind("batch", "linecount", "fill_with?");
        var size = Types.Integer(bound["linecount"]);
        var items = Types.Items(value).ToList();
        if (size <= 0)
            throw new EvaluationException("batch() needs a linecount of at least 1");
        var batches = items.Chunk(size).Select(batch => batch.ToList()).ToList();
        if (batches.Count > 0 && bound.Get("fill_with") is { } fill)
        {
            Limits.CheckText(size);
            while (batches[^1].Count < size)
                batches[^1].Add(fill);
        }
        return new PythonGenerator([.. batches.Select(batch => new PythonList(batch))]);
    }

    public static object? Slice(object? value, Arguments arguments)
    {
        var bound = arguments.Bind("slice", "slices", "fill_with?");
        var count = Types.Integer(bound["slices"]);
        if (count <= 0)
            throw new EvaluationException("slice() needs at least 1 slice");
        Limits.CheckText(count);
        var items = Types.Items(value).ToList();
        var (least, longer) = (items.Count / count, items.Count % count);
        var slices = new List<object?>();
        var at = 0;
        for (var i = 0; i < count; i++)
        {
            var size = least + (i < longer ? 1 : 0);
            var slice = items.GetRange(at, size);
            at += size;
            if (bound.Get("fill_with") is { } fill && i >= longer)
                slice.Add(fill);
            slices.Add(new PythonList(slice));
        }
        return new PythonGenerator(slices);
    }

    /// <summary>Gets "a.b.0" of an item.</summary>
    public static Func<object?, object?> Getter(object? attribute, object? missing)
    {
        var parts = attribute switch
        {
            null => [],
            BigInteger number => [number],
            TracedText text =>
                text.Value.Split('.').Select(object (part) =>
                part.Length > 0 && part.All(char.IsAsciiDigit) ? BigInteger.Parse(part, CultureInfo.InvariantCulture) : new TracedText(part)).ToArray(),
            _ => throw new EvaluationException($"an attribute's name must be str or int, not {Types.NameOf(attribute)}"),
        };
        return item =>
        {
            foreach (var part in parts)
            {
                item = Access.Item(item, part);
                if (item is Undefined && missing is not null)
                    item = missing;
            }
            return item;
        };
    }

    /// <summary>In order, equals as they were.</summary>
    public static List<T> Sorted<T>(IReadOnlyList<T> items, Func<T, object?> key, bool isReversed)
    {
        var keyed = items.Select((item, index) => (Item: item, Key: key(item), Index: index)).ToList();
        try
        {
            // Python asks whether the later one is the smaller: so its errors say.
            keyed.Sort((a, b) =>
                PythonComparer.Compare(b.Key, a.Key) is var order and not (null or 0) ? isReversed ? order.Value : -order.Value : a.Index.CompareTo(b.Index));
        }
        catch (InvalidOperationException e) when (e.InnerException is EvaluationException inner)
        {
            throw inner;
        }
        return [.. keyed.Select(entry => entry.Item)];
    }

    private static Func<object?, object?> KeyOf(object? attribute, bool isCased)
    {
        var get = Getter(attribute, null);
        return item => Cased(get(item), isCased);
    }

    private static object? Cased(object? value, bool isCased) => !isCased && value is TracedText text ? TextMethods.Lower(text) : value;
}
