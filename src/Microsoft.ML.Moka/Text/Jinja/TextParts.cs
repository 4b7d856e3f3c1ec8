namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>Texts cut, joined and padded.</summary>
internal static class TextParts
{
    public static TracedText Replace(TracedText text, TracedText old, TracedText replacement, int count)
    {
        var result = new TracedTextBuilder();
        var at = 0;
        for (; count != 0; count--)
        {
            if (old.Length == 0)
            {
                result.Add(replacement);
                if (at >= text.Length)
                    break;
                result.Add(text.Part(at, text.SizeAt(at)));
                at += text.SizeAt(at);
                continue;
            }
            var found = text.Value.IndexOf(old.Value, at, StringComparison.Ordinal);
            if (found < 0)
                break;
            result.Add(text.Part(at, found - at)).Add(replacement);
            at = found + old.Length;
        }
        return at == 0 && result.Length == 0 ? text : at < text.Length ? result.Add(text.From(at)).ToText() : result.ToText();
    }

    public static PythonList Split(TracedText text, TracedText? separator, int most)
    {
        if (separator is null)
            return new PythonList([.. SplitAtBlanks(text, most)]);
        if (separator.Length == 0)
            throw new EvaluationException("empty separator");
        var parts = new List<object?>();
        var at = 0;
        while (most-- != 0 && text.Value.IndexOf(separator.Value, at, StringComparison.Ordinal) is var found and >= 0)
        {
            parts.Add(text.Part(at, found - at));
            at = found + separator.Length;
        }
        parts.Add(text.From(at));
        return new PythonList(parts);
    }

    public static PythonList SplitFromRight(TracedText text, TracedText? separator, int most)
    {
        if (most < 0)
            return Split(text, separator, most);
        var parts = new List<object?>();
        var end = text.Length;
        if (separator is null)
        {
            while (true)
            {
                while (end > 0 && PythonCharacters.IsBlank(text.Value[end - 1]))
                    end--;
                if (end == 0)
                    break;
                var start = end;
                while (start > 0 && !PythonCharacters.IsBlank(text.Value[start - 1]))
                    start--;
                if (most-- == 0)
                {
                    parts.Add(text.Part(0, end));
                    break;
                }
                parts.Add(text.Part(start, end - start));
                end = start;
            }
        }
        else
        {
            if (separator.Length == 0)
                throw new EvaluationException("empty separator");
            while (most-- != 0 && text.Value.AsSpan(0, end).LastIndexOf(separator.Value) is var found and >= 0)
            {
                parts.Add(text.Part(found + separator.Length, end - found - separator.Length));
                end = found;
            }
            parts.Add(text.Part(0, end));
        }
        parts.Reverse();
        return new PythonList(parts);
    }

    private static IEnumerable<TracedText> SplitAtBlanks(TracedText text, int most)
    {
        var at = 0;
        while (true)
        {
            while (at < text.Length && PythonCharacters.IsBlank(text.Value[at]))
                at++;
            if (at == text.Length)
                yield break;
            var end = at;
            while (end < text.Length && !PythonCharacters.IsBlank(text.Value[end]))
                end++;
            if (most-- == 0)
            {
                yield return text.From(at);
                yield break;
            }
            yield return text.Part(at, end - at);
            at = end;
        }
    }

    public static IEnumerable<TracedText> Lines(TracedText text, bool keepsEnds = false)
    {
        var start = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (!PythonCharacters.IsLineEnd(text.Value[i]))
                continue;
            var next = text.Value[i] == '\r' && i + 1 < text.Length && text.Value[i + 1] == '\n' ? i + 2 : i + 1;
            yield return text.Part(start, (keepsEnds ? next : i) - start);
            start = next;
            i = next - 1;
        }
        if (start < text.Length)
            yield return text.From(start);
    }

    public static PythonTuple Partition(TracedText text, TracedText separator, bool isLast)
    {
        if (separator.Length == 0)
            throw new EvaluationException("empty separator");
        var found = isLast ? text.Value.LastIndexOf(separator.Value, StringComparison.Ordinal) : text.Value.IndexOf(separator.Value, StringComparison.Ordinal);
        if (found < 0)
            return isLast ? new PythonTuple([TracedText.Empty, TracedText.Empty, text]) : new PythonTuple([text, TracedText.Empty, TracedText.Empty]);
        return new PythonTuple([text.Part(0, found), text.Part(found, separator.Length), text.From(found + separator.Length)]);
    }

    public static TracedText Join(TracedText separator, object? items)
    {
        var result = new TracedTextBuilder();
        var index = 0;
        foreach (var item in Types.TryItems(items) ?? throw new EvaluationException("can only join an iterable"))
        {
            if (item is not TracedText text)
                throw new EvaluationException($"sequence item {index}: expected str instance, {Types.NameOf(item)} found");
            if (index++ > 0)
                result.Add(separator);
            result.Add(text);
        }
        return result.ToText();
    }

    public static TracedText Pad(string name, TracedText text, Arguments arguments)
    {
        var bound = arguments.Bind(name, "width", "fillchar?");
        var fill = bound.Has("fillchar") ? bound.Text("fillchar") : new TracedText(" ");
        if (fill.CharacterCount != 1)
            throw new EvaluationException("The fill character must be exactly one character long");
        return Pad(name, text, Types.Integer(bound["width"]), fill);
    }

    public static TracedText Pad(string name, TracedText text, int width, TracedText fill)
    {
        var missing = width - text.CharacterCount;
        if (missing <= 0)
            return text;
        var left = name switch
        {
            "ljust" => 0,
            "rjust" => missing,
            // As CPython centers.
            _ => missing / 2 + (missing & width & 1),
        };
        return new TracedTextBuilder().Repeat(fill, left).Add(text).Repeat(fill, missing - left).ToText();
    }

    public static TracedText ZeroFill(TracedText text, int width)
    {
        var missing = width - text.CharacterCount;
        if (missing <= 0)
            return text;
        var sign = text.Length > 0 && text.Value[0] is '+' or '-' ? 1 : 0;
        return new TracedTextBuilder().Add(text.Part(0, sign)).Repeat("0", missing).Add(text.From(sign)).ToText();
    }

    public static TracedText ExpandTabs(TracedText text, int size)
    {
        var result = new TracedTextBuilder();
        var column = 0;
        for (var i = 0; i < text.Length; i += text.SizeAt(i))
        {
            var c = text.Value[i];
            if (c == '\t')
            {
                var blanks = size > 0 ? size - column % size : 0;
                result.Repeat(new TracedText(" ", text.OriginAt(i)), blanks);
                column += blanks;
                continue;
            }
            result.Add(text.Part(i, text.SizeAt(i)));
            column = c is '\n' or '\r' ? 0 : column + 1;
        }
        return result.ToText();
    }
}
