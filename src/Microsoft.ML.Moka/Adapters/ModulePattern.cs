using System.Text.RegularExpressions;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>A regular expression over the names of linear maps out of a configuration of PEFT's. It comes from a stranger, so its time is limited.</summary>
internal sealed partial class ModulePattern
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Func<string, InvalidDataException> _error;
    private readonly Regex _expression;

    /// <param name="expression">An expression for whole names.</param>
    /// <param name="error">Makes an error that names the field.</param>
    /// <exception cref="InvalidDataException">It is no regular expression.</exception>
    public ModulePattern(string expression, Func<string, InvalidDataException> error)
    {
        _error = error;
        try
        {
            _expression = new Regex($@"\A(?:{FromPython(expression)})\z", RegexOptions.CultureInvariant, Patience);
        }
        catch (ArgumentException e)
        {
            throw error($"is no regular expression: {e.Message.TrimEnd('.')}");
        }
    }

    // What Python writes otherwise: groups with names, and "at most so often", which here would be letters.
    private static string FromPython(string expression) =>
        AtMost().Replace(expression.Replace("(?P<", "(?<", StringComparison.Ordinal), "{0,$1}");

    [GeneratedRegex(@"\{,([0-9]+)\}", RegexOptions.CultureInvariant)]
    private static partial Regex AtMost();

    public bool Matches(MapShape map)
    {
        try
        {
            return _expression.IsMatch(map.Name);
        }
        catch (RegexMatchTimeoutException)
        {
            throw _error(FormattableString.Invariant($"has a regular expression that takes more than {Patience.TotalSeconds} s to match '{map.Name}'"));
        }
    }
}

/// <summary>
/// PEFT's <c>rank_pattern</c> or <c>alpha_pattern</c>: values of some maps in place of the one for all. A key is a regular expression for a full name, or for
/// the end of one from a dot on; the first that matches counts.
/// </summary>
internal sealed class ModuleValues
{
    private readonly List<(string Key, ModulePattern Pattern, double Value)> _values = [];

    /// <summary>Reads a field; null where it is not set.</summary>
    public static ModuleValues? Read(JsonFields fields, string name, double least, double most, bool isWhole = false)
    {
        var values = new ModuleValues();
        foreach (var (key, value) in isWhole ? Whole() : fields.Numbers(name, least, most))
            values._values.Add((key, new ModulePattern($@"(?:.*\.)?(?:{key})", problem => fields.Error(name, problem)), value));
        return values._values.Count > 0 ? values : null;

        IEnumerable<KeyValuePair<string, double>> Whole() => !fields.Has(name)
            ? []
            : fields.Table(name, (int)least, (int)most).Select(entry => KeyValuePair.Create(entry.Key, (double)entry.Value));
    }

    /// <summary>The values of some maps by their full names.</summary>
    public static ModuleValues Of(IEnumerable<(string Map, double Value)> maps)
    {
        var values = new ModuleValues();
        foreach (var (map, value) in maps)
        {
            var key = Regex.Escape(map);
            values._values.Add((key, new ModulePattern(key, problem => new InvalidDataException(problem)), value));
        }
        return values;
    }

    /// <summary>The value of a map; null where it has that of all maps.</summary>
    public double? Of(MapShape map)
    {
        foreach (var (_, pattern, value) in _values)
            if (pattern.Matches(map))
                return value;
        return null;
    }

    public OrderedDictionary<string, double> ToJson()
    {
        var json = new OrderedDictionary<string, double>(StringComparer.Ordinal);
        foreach (var (key, _, value) in _values)
            json.Add(key, value);
        return json;
    }
}
