using System.Numerics;
using System.Text;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>What stands behind "|". Those that pick from lists stand in <see cref="ListFilters"/>.</summary>
internal static class Filters
{
    public delegate object? Filter(object? value, Arguments arguments);

    public static IReadOnlyDictionary<string, Filter> All { get; } = new Dictionary<string, Filter>(StringComparer.Ordinal)
    {
        ["abs"] = Plain("abs", Absolute),
        ["attr"] = (value, arguments) => Access.AttributeOnly(value, arguments.Bind("attr", "name").Text("name").Value),
        ["capitalize"] = Plain("capitalize", value => TextMethods.Capitalize(PythonText.Str(value))),
        ["center"] = (value, arguments) => TextParts.Pad("center", PythonText.Str(value), arguments.Bind("center", "width?").Integer("width", 80), " "),
        ["count"] = Plain("count", value => new BigInteger(Types.Length(value))),
        ["length"] = Plain("length", value => new BigInteger(Types.Length(value))),
        ["d"] = Default,
        ["default"] = Default,
        ["e"] = Plain("e", value => Escape(PythonText.Str(value))),
        ["escape"] = Plain("escape", value => Escape(PythonText.Str(value))),
        ["forceescape"] = Plain("forceescape", value => Escaped(PythonText.Str(value))),
        ["safe"] = Plain("safe", value => PythonText.Str(value).AsMarkup()),
        ["float"] = (value, arguments) => arguments.Bind("float", "default?") is var bound ? ToFloat(value) ?? bound.Get("default", 0.0) : null,
        ["int"] = (value, arguments) =>
            arguments.Bind("int", "default?", "base?") is var bound
                ? ToInteger(value, bound.Integer("base", 10)) ?? bound.Get("default", BigInteger.Zero)
                : null,
        ["format"] = (value, arguments) =>
            PercentFormat.Apply(PythonText.Str(value), arguments.Named.Count > 0 ? DictionaryOf(arguments.Named) : new PythonTuple(arguments.Positional)),
        ["indent"] = (value, arguments) => Indent(value, arguments.Bind("indent", "width?", "first?", "blank?")),
        ["join"] = (value, arguments) => Join(value, arguments.Bind("join", "d?", "attribute?")),
        ["lower"] = Plain("lower", value => TextMethods.Lower(PythonText.Str(value))),
        ["upper"] = Plain("upper", value => TextMethods.Upper(PythonText.Str(value))),
        ["title"] = Plain("title", value => Title(PythonText.Str(value))),
        ["trim"] = (value, arguments) =>
            TextMethods.Strip(PythonText.Str(value), arguments.Bind("trim", "chars?").TextOrNone("chars"), left: true, right: true),
        ["string"] = Plain("string", PythonText.Str),
        ["replace"] = (value, arguments) => arguments.Bind("replace", "old", "new", "count?") is var bound
            ? TextParts.Replace(PythonText.Str(value), PythonText.Str(bound["old"]), PythonText.Str(bound["new"]), bound.IntegerOrNone("count") ?? -1) : null,
        ["round"] = (value, arguments) => Round(value, arguments.Bind("round", "precision?", "method?")),
        ["tojson"] = ToJson,
        ["truncate"] = (value, arguments) => Truncate(value, arguments.Bind("truncate", "length?", "killwords?", "end?", "leeway?")),
        ["urlencode"] = Plain("urlencode", UrlEncode),
        ["wordcount"] = Plain("wordcount", value => new BigInteger(Words(PythonText.Str(value).Value))),
        ["reverse"] = Plain("reverse", value =>
            value is TracedText text ? Access.Slice(text, null, null, BigInteger.MinusOne) : new PythonGenerator([.. Types.Items(value).Reverse()])),
        ["batch"] = ListFilters.Batch,
        ["dictsort"] = ListFilters.DictionarySort,
        ["first"] = ListFilters.First,
        ["last"] = ListFilters.Last,
        ["groupby"] = ListFilters.GroupBy,
        ["items"] = Plain("items", Pairs),
        ["list"] = Plain("list", value => new PythonList([.. Types.Items(value)])),
        ["map"] = ListFilters.Map,
        ["max"] = (value, arguments) => ListFilters.Extreme("max", value, arguments, isLargest: true),
        ["min"] = (value, arguments) => ListFilters.Extreme("min", value, arguments, isLargest: false),
        ["reject"] = (value, arguments) => ListFilters.Select(value, arguments, keeps: false, byAttribute: false),
        ["rejectattr"] = (value, arguments) => ListFilters.Select(value, arguments, keeps: false, byAttribute: true),
        ["select"] = (value, arguments) => ListFilters.Select(value, arguments, keeps: true, byAttribute: false),
        ["selectattr"] = (value, arguments) => ListFilters.Select(value, arguments, keeps: true, byAttribute: true),
        ["slice"] = ListFilters.Slice,
        ["sort"] = ListFilters.Sort,
        ["sum"] = ListFilters.Sum,
        ["unique"] = ListFilters.Unique,
    };

    /// <summary>Safe in HTML; what is marked so already stays.</summary>
    public static TracedText Escape(TracedText text) => text.IsMarkup ? text : Escaped(text);

    private static TracedText Escaped(TracedText text) => text.Map((all, i) => all[i] switch
    {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '\'' => "&#39;",
        '"' => "&#34;",
        _ => all.Substring(i, i + 1 < all.Length && char.IsSurrogatePair(all[i], all[i + 1]) ? 2 : 1),
    }).AsMarkup();

    public static PythonDictionary DictionaryOf(IEnumerable<KeyValuePair<string, object?>> named)
    {
        var dictionary = new PythonDictionary();
        foreach (var (name, value) in named)
            dictionary[name] = value;
        return dictionary;
    }

    private static Filter Plain(string name, Func<object?, object?> apply) => (value, arguments) =>
    {
        arguments.Bind(name);
        return apply(value);
    };

    private static object? Absolute(object? value) => PythonComparer.Number(value) switch
    {
        BigInteger number => BigInteger.Abs(number),
        double number => Math.Abs(number),
        _ => throw Bad("abs()", value),
    };

    private static object? Pairs(object? value) => value switch
    {
        Undefined => new PythonGenerator([]),
        PythonDictionary dictionary => new PythonGenerator(new PythonView(ViewKind.Items, dictionary).Items),
        _ => throw new EvaluationException("Can only get item pairs from a mapping."),
    };

    private static EvaluationException Bad(string function, object? value) =>
        value is Undefined undefined ? undefined.Error() : new EvaluationException($"bad operand type for {function}: '{Types.NameOf(value)}'");

    private static object? Default(object? value, Arguments arguments)
    {
        var bound = arguments.Bind("default", "default_value?", "boolean?");
        return value is Undefined || (bound.Truth("boolean") && !Types.IsTrue(value)) ? bound.Get("default_value", TracedText.Empty) : value;
    }

    private static object? ToFloat(object? value) => value switch
    {
        TracedText text => NumberText.ReadFloat(text.Value),
        Undefined undefined => throw undefined.Error(),
        _ => PythonComparer.Number(value) switch { BigInteger number => (double)number, double number => number, _ => null },
    };

    private static object? ToInteger(object? value, int radix)
    {
        if (value is TracedText text && NumberText.ReadInteger(text.Value, radix) is { } read)
            return read;
        return value is bool truth ? (truth ? BigInteger.One : BigInteger.Zero)
            : value is BigInteger ? value
            : ToFloat(value) is double number && double.IsFinite(number) ? new BigInteger(number) : null;
    }

    private static TracedText Indent(object? value, Arguments.Bound arguments)
    {
        var width = arguments.Get("width", new BigInteger(4));
        var indent = width as TracedText ?? new TracedTextBuilder().Repeat(" ", Types.Integer(width)).ToText();
        var text = Types.Text(value, "the value of indent");
        var lines = TextParts.Lines(new TracedTextBuilder().Add(text).Add('\n').ToText()).ToList();
        var result = new TracedTextBuilder();
        if (arguments.Truth("first"))
            result.Add(indent);
        for (var i = 0; i < lines.Count; i++)
        {
            if (i > 0)
            {
                result.Add('\n');
                if (arguments.Truth("blank") || lines[i].Length > 0)
                    result.Add(indent);
            }
            result.Add(lines[i]);
        }
        return result.ToText();
    }

    private static TracedText Join(object? value, Arguments.Bound arguments)
    {
        var separator = PythonText.Str(arguments.Get("d", TracedText.Empty));
        var items = Types.Items(value);
        if (arguments.Get("attribute") is { } attribute)
            items = items.Select(ListFilters.Getter(attribute, null));
        return TextParts.Join(separator, new PythonList([.. items.Select(item => (object?)PythonText.Str(item))]));
    }

    private static TracedText Title(TracedText text)
    {
        var isStart = true;
        return text.Map((all, i) =>
        {
            var c = all[i];
            if (c is '-' or '(' or '{' or '[' or '<' || PythonCharacters.IsBlank(c))
            {
                isStart = true;
                return c.ToString();
            }
            var result = isStart ? PythonCharacters.Upper(all, i) : PythonCharacters.Lower(all, i);
            isStart = false;
            return result;
        });
    }

    private static object Round(object? value, Arguments.Bound arguments)
    {
        var precision = arguments.Integer("precision", 0);
        var method = arguments.TextOrNone("method")?.Value ?? "common";
        if (Math.Abs((long)precision) > 300)
            throw new EvaluationException("round() takes a precision from -300 to 300");
        var number = PythonComparer.Number(value) ?? throw Bad("round()", value);
        if (method == "common")
        {
            if (number is BigInteger whole)
                return precision >= 0 ? whole : RoundedWhole(whole, BigInteger.Pow(10, -precision));
            var real = (double)number;
            return precision > 0 ? NumberText.ReadFloat(real.ToString($"F{precision}", System.Globalization.CultureInfo.InvariantCulture)) ?? real
                : precision == 0 ? Math.Round(real, MidpointRounding.ToEven)
                    : Math.Round(real / Math.Pow(10, -precision), MidpointRounding.ToEven) * Math.Pow(10, -precision);
        }
        var scale = Math.Pow(10, precision);
        var scaled = (number is BigInteger integer ? (double)integer : (double)number) * scale;
        return method switch
        {
            "ceil" => Math.Ceiling(scaled) / scale,
            "floor" => Math.Floor(scaled) / scale,
            _ => throw new EvaluationException("method must be common, ceil or floor"),
        };
    }

    private static BigInteger RoundedWhole(BigInteger value, BigInteger unit)
    {
        var quotient = BigInteger.DivRem(BigInteger.Abs(value), unit, out var rest);
        var twice = rest * 2;
        if (twice > unit || (twice == unit && !quotient.IsEven))
            quotient++;
        return quotient * unit * value.Sign;
    }

    private static object? ToJson(object? value, Arguments arguments)
    {
        var bound = arguments.Bind("tojson", "ensure_ascii?", "indent?", "separators?", "sort_keys?");
        var indent = bound.Get("indent") switch
        {
            null => null,
            TracedText text => text,
            var width => new TracedTextBuilder().Repeat(" ", Types.Integer(width)).ToText(),
        };
        TracedText itemSeparator = indent is null ? ", " : ",", keySeparator = ": ";
        if (bound.Get("separators") is { } separators)
        {
            if (separators is not PythonSequence { Items: [TracedText item, TracedText key] })
                throw new EvaluationException("tojson() needs two texts for separators");
            (itemSeparator, keySeparator) = (item, key);
        }
        return new JsonText(bound.Truth("ensure_ascii"), indent, itemSeparator, keySeparator, bound.Truth("sort_keys")).Write(value);
    }

    private static TracedText Truncate(object? value, Arguments.Bound arguments)
    {
        var text = Types.Text(value, "the value of truncate");
        var length = arguments.Integer("length", 255);
        var end = arguments.Has("end") ? arguments.Text("end") : "...";
        var leeway = arguments.IntegerOrNone("leeway") ?? 5;
        if (length < end.CharacterCount)
            throw new EvaluationException($"expected length >= {end.CharacterCount}, got {length}");
        if (text.CharacterCount <= length + leeway)
            return text;
        var kept = text.Part(0, text.UnitOf(length - end.CharacterCount));
        if (!arguments.Truth("killwords"))
            kept = (TracedText)TextParts.SplitFromRight(kept, " ", 1).Items[0]!;
        return new TracedTextBuilder().Add(kept).Add(end).ToText();
    }

    private static object? UrlEncode(object? value)
    {
        if (value is TracedText or not (PythonDictionary or PythonSequence or PythonView or PythonGenerator))
            return Quoted(PythonText.Str(value), "/");
        var pairs = value is PythonDictionary dictionary ? new PythonView(ViewKind.Items, dictionary).Items : Types.Items(value);
        return TextParts.Join("&", new PythonList([.. pairs.Select(pair => pair is PythonSequence { Items: [var key, var item] }
            ? (object?)new TracedTextBuilder().Add(Quoted(PythonText.Str(key), "")).Add('=').Add(Quoted(PythonText.Str(item), "")).ToText()
            : throw new EvaluationException("urlencode needs pairs"))]));

        static TracedText Quoted(TracedText text, string alsoSafe) => text.Map((all, i) =>
        {
            var c = all[i];
            if (char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-' or '~' || alsoSafe.Contains(c))
                return c.ToString();
            return c == ' ' && alsoSafe.Length == 0 ? "+"
                : string.Concat(Encoding.UTF8.GetBytes(PythonCharacters.At(all, i).ToString()).Select(b => $"%{b:X2}"));
        });
    }

    private static int Words(string text)
    {
        var (count, isInside) = (0, false);
        foreach (var rune in text.EnumerateRunes())
        {
            var isWord = rune.Value == '_' || Rune.IsLetterOrDigit(rune) || Rune.IsNumber(rune);
            count += isWord && !isInside ? 1 : 0;
            isInside = isWord;
        }
        return count;
    }
}
