using System.Globalization;
using System.Numerics;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>Values as Python's json.dumps writes them.</summary>
internal sealed class JsonText(bool isAscii, TracedText? indent, TracedText itemSeparator, TracedText keySeparator, bool sortsKeys)
{
    private readonly TracedTextBuilder _to = new();

    public TracedText Write(object? value)
    {
        Add(value, 0);
        return _to.ToText();
    }

    private void Add(object? value, int depth)
    {
        if (depth > Limits.ValueDepth)
            throw new EvaluationException($"values lie more than {Limits.ValueDepth} deep in each other");
        switch (value)
        {
            case TracedText text: AddText(text); break;
            case PythonList list: AddItems('[', list.Items, ']', depth, item => Add(item, depth + 1)); break;
            case PythonTuple tuple: AddItems('[', tuple.Items, ']', depth, item => Add(item, depth + 1)); break;
            case PythonDictionary dictionary: AddItems('{', PairsOf(dictionary), '}', depth, pair => AddPair(pair, depth)); break;
            case null or bool or BigInteger or double: _to.Add(Scalar(value)); break;
            default: throw new EvaluationException($"Object of type {Types.NameOf(value)} is not JSON serializable");
        }
    }

    private static string Scalar(object? value) => value switch
    {
        null => "null",
        bool truth => truth ? "true" : "false",
        BigInteger number => number.ToString(CultureInfo.InvariantCulture),
        double.NaN => "NaN",
        double.PositiveInfinity => "Infinity",
        double.NegativeInfinity => "-Infinity",
        _ => NumberText.Write((double)value!),
    };

    private IReadOnlyList<(object? Key, object? Value)> PairsOf(PythonDictionary dictionary)
    {
        IReadOnlyList<(object? Key, object? Value)> pairs = [.. dictionary.Items.Select(pair => (PythonDictionary.ValueOf(pair.Key), pair.Value))];
        return sortsKeys ? ListFilters.Sorted(pairs, pair => pair.Key, isReversed: false) : pairs;
    }

    private void AddPair((object? Key, object? Value) pair, int depth)
    {
        AddText(pair.Key switch
        {
            TracedText text => text,
            null or bool or BigInteger or double => Scalar(pair.Key),
            var key => throw new EvaluationException($"keys must be str, int, float, bool or None, not {Types.NameOf(key)}"),
        });
        _to.Add(keySeparator);
        Add(pair.Value, depth + 1);
    }

    private void AddItems<T>(char open, IReadOnlyList<T> items, char close, int depth, Action<T> add)
    {
        _to.Add(open);
        for (var i = 0; i < items.Count; i++)
        {
            if (i > 0)
                _to.Add(itemSeparator);
            NewLine(depth + 1);
            add(items[i]);
        }
        if (items.Count > 0)
            NewLine(depth);
        _to.Add(close);
    }

    private void NewLine(int depth)
    {
        if (indent is not null)
            _to.Add('\n').Repeat(indent, depth);
    }

    private void AddText(TracedText text)
    {
        _to.Add('"');
        for (var i = 0; i < text.Length; i++)
        {
            var c = text.Value[i];
            var origin = text.OriginAt(i);
            switch (c)
            {
                case '"': _to.Add("\\\"", origin); break;
                case '\\': _to.Add("\\\\", origin); break;
                case '\n': _to.Add("\\n", origin); break;
                case '\r': _to.Add("\\r", origin); break;
                case '\t': _to.Add("\\t", origin); break;
                case '\f': _to.Add("\\f", origin); break;
                case '\b': _to.Add("\\b", origin); break;
                case < ' ': _to.Add(string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"), origin); break;
                case > '~' when isAscii && c != '\x7f': _to.Add(string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"), origin); break;
                default: _to.Add(c, origin); break;
            }
        }
        _to.Add('"');
    }
}
