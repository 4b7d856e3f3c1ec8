using System.Globalization;
using System.Numerics;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>Values as Python prints them: str and repr.</summary>
internal static class PythonText
{
    public static TracedText Str(object? value)
    {
        switch (value)
        {
            case TracedText text: return text;
            case Undefined: return TracedText.Empty;
        }
        var result = new TracedTextBuilder();
        Write(value, result, 0);
        return result.ToText();
    }

    public static TracedText Repr(object? value)
    {
        var result = new TracedTextBuilder();
        Write(value, result, 0);
        return result.ToText();
    }

    private static void Write(object? value, TracedTextBuilder to, int depth)
    {
        if (depth > Limits.ValueDepth)
            throw new EvaluationException($"values lie more than {Limits.ValueDepth} deep in each other");
        switch (value)
        {
            case null: to.Add("None"); break;
            case bool truth: to.Add(truth ? "True" : "False"); break;
            case BigInteger number: to.Add(number.ToString(CultureInfo.InvariantCulture)); break;
            case double number: to.Add(NumberText.Write(number)); break;
            case TracedText text: WriteQuoted(text, to); break;
            case PythonRange range: to.Add(range.Shown); break;
            case PythonList list: WriteItems("[", list.Items, "]", to, depth); break;
            case PythonTuple tuple: WriteItems("(", tuple.Items, tuple.Items.Count == 1 ? ",)" : ")", to, depth); break;
            case PythonView view: WriteItems($"dict_{view.Kind.ToString().ToLowerInvariant()}([", view.Items, "])", to, depth); break;
            case PythonDictionary dictionary: WritePairs(dictionary, to, depth); break;
            case PythonNamespace space:
                to.Add("<Namespace {");
                var isFirst = true;
                foreach (var (name, item) in space.Attributes)
                {
                    if (!isFirst)
                        to.Add(", ");
                    isFirst = false;
                    WriteQuoted(name, to);
                    to.Add(": ");
                    Write(item, to, depth + 1);
                }
                to.Add("}>");
                break;
            case Undefined: to.Add("Undefined"); break;
            case LoopState loop: to.Add(string.Create(CultureInfo.InvariantCulture, $"<LoopContext {loop.Index}/{loop.Length}>")); break;
            case Function { Shown: ['<', ..] } macro: to.Add(macro.Shown); break;
            // Python prints where it lies in memory.
            default: throw new EvaluationException($"a {Types.NameOf(value)} has no text: call a function, and put |list behind a generator");
        }
    }

    private static void WriteItems(string open, IReadOnlyList<object?> items, string close, TracedTextBuilder to, int depth)
    {
        to.Add(open);
        for (var i = 0; i < items.Count; i++)
        {
            if (i > 0)
                to.Add(", ");
            Write(items[i], to, depth + 1);
        }
        to.Add(close);
    }

    private static void WritePairs(PythonDictionary dictionary, TracedTextBuilder to, int depth)
    {
        to.Add('{');
        var isFirst = true;
        foreach (var (key, item) in dictionary.Items)
        {
            if (!isFirst)
                to.Add(", ");
            isFirst = false;
            Write(PythonDictionary.ValueOf(key), to, depth + 1);
            to.Add(": ");
            Write(item, to, depth + 1);
        }
        to.Add('}');
    }

    private static void WriteQuoted(TracedText text, TracedTextBuilder to)
    {
        if (text.IsMarkup)
            to.Add("Markup(");
        var quote = text.Value.Contains('\'', StringComparison.Ordinal) && !text.Value.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        to.Add(quote);
        for (var i = 0; i < text.Length; i += text.SizeAt(i))
            to.Add(Escaped(text.Value, i, quote), text.OriginAt(i));
        to.Add(quote);
        if (text.IsMarkup)
            to.Add(")");
    }

    private static string Escaped(string text, int index, char quote)
    {
        var c = text[index];
        if (c == quote || c == '\\')
            return $"\\{c}";
        switch (c)
        {
            case '\n': return "\\n";
            case '\r': return "\\r";
            case '\t': return "\\t";
        }
        if (c is >= ' ' and < '\x7f')
            return c.ToString();
        if (char.IsSurrogate(c) && !(index + 1 < text.Length && char.IsSurrogatePair(c, text[index + 1])))
            return string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
        var rune = PythonCharacters.At(text, index);
        if (PythonCharacters.IsPrintable(rune))
            return rune.ToString();
        return rune.Value < 0x100 ? string.Create(CultureInfo.InvariantCulture, $"\\x{rune.Value:x2}")
            : rune.Value < 0x10000 ? string.Create(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}")
            : string.Create(CultureInfo.InvariantCulture, $"\\U{rune.Value:x8}");
    }
}
