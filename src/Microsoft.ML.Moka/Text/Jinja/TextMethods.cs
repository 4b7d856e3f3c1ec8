using System.Numerics;
using System.Text;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>The methods of str: case, ends, search, and what they say of a text. Cutting and joining stand in <see cref="TextParts"/>.</summary>
internal static class TextMethods
{
    public static IReadOnlyDictionary<string, Func<TracedText, Arguments, object?>> All { get; } =
        new Dictionary<string, Func<TracedText, Arguments, object?>>(StringComparer.Ordinal)
    {
        ["upper"] = (text, arguments) => Plain("upper", arguments, Upper(text)),
        ["lower"] = (text, arguments) => Plain("lower", arguments, Lower(text)),
        ["casefold"] = (text, arguments) => Plain("casefold", arguments, text.Map(PythonCharacters.Folded)),
        ["capitalize"] = (text, arguments) => Plain("capitalize", arguments, Capitalize(text)),
        ["title"] = (text, arguments) => Plain("title", arguments, text.Map(TitleAt)),
        ["swapcase"] = (text, arguments) => Plain("swapcase", arguments,
            text.Map((all, i) => Rune.IsUpper(PythonCharacters.At(all, i)) ? PythonCharacters.Lower(all, i) : PythonCharacters.Upper(all, i))),
        ["strip"] = (text, arguments) => Strip(text, arguments.Bind("strip", "chars?").TextOrNone("chars"), left: true, right: true),
        ["lstrip"] = (text, arguments) => Strip(text, arguments.Bind("lstrip", "chars?").TextOrNone("chars"), left: true, right: false),
        ["rstrip"] = (text, arguments) => Strip(text, arguments.Bind("rstrip", "chars?").TextOrNone("chars"), left: false, right: true),
        ["removeprefix"] = (text, arguments) =>
            arguments.Bind("removeprefix", "prefix").Text("prefix").Value is var start && text.Value.StartsWith(start, StringComparison.Ordinal)
            ? text.From(start.Length) : text,
        ["removesuffix"] = (text, arguments) =>
            arguments.Bind("removesuffix", "suffix").Text("suffix").Value is var end && text.Value.EndsWith(end, StringComparison.Ordinal)
            ? text.Part(0, text.Length - end.Length) : text,
        ["startswith"] = (text, arguments) => HasEnd("startswith", text, arguments, (part, end) => part.StartsWith(end, StringComparison.Ordinal)),
        ["endswith"] = (text, arguments) => HasEnd("endswith", text, arguments, (part, end) => part.EndsWith(end, StringComparison.Ordinal)),
        ["find"] = (text, arguments) => new BigInteger(Find("find", text, arguments, isLast: false)),
        ["rfind"] = (text, arguments) => new BigInteger(Find("rfind", text, arguments, isLast: true)),
        ["index"] = (text, arguments) => Found(Find("index", text, arguments, isLast: false)),
        ["rindex"] = (text, arguments) => Found(Find("rindex", text, arguments, isLast: true)),
        ["count"] = (text, arguments) => Count(text, arguments.Bind("count", "sub", "start?", "end?")),
        ["isalpha"] = (text, arguments) => Every("isalpha", text, arguments, Rune.IsLetter),
        ["isalnum"] = (text, arguments) => Every("isalnum", text, arguments, rune => Rune.IsLetter(rune) || Rune.IsNumber(rune)),
        ["isdigit"] = (text, arguments) =>
            Every("isdigit", text, arguments, IsDigit),
        ["isdecimal"] = (text, arguments) => Every("isdecimal", text, arguments, Rune.IsDigit),
        ["isnumeric"] = (text, arguments) => Every("isnumeric", text, arguments, Rune.IsNumber),
        ["isspace"] = (text, arguments) => Every("isspace", text, arguments, rune => rune.IsBmp && PythonCharacters.IsBlank((char)rune.Value)),
        ["isascii"] = (text, arguments) => (bool)Plain("isascii", arguments, Ascii.IsValid(text.Value)),
        ["isprintable"] = (text, arguments) => (bool)Plain("isprintable", arguments, text.Value.EnumerateRunes().All(PythonCharacters.IsPrintable)),
        ["isidentifier"] = (text, arguments) =>
            Plain("isidentifier", arguments, text.Length > 0 && !char.IsDigit(text.Value[0]) && text.Value.All(c => c == '_' || char.IsLetterOrDigit(c))),
        ["isupper"] = (text, arguments) => Plain("isupper", arguments, IsCase(text, Rune.IsUpper)),
        ["islower"] = (text, arguments) => Plain("islower", arguments, IsCase(text, Rune.IsLower)),
        ["istitle"] = (text, arguments) =>
            Plain("istitle", arguments, text.Value.EnumerateRunes().Any(PythonCharacters.IsCased) && text.Map(TitleAt).Value == text.Value),
        ["replace"] = (text, arguments) =>
            arguments.Bind("replace", "old", "new", "count?") is var bound
            ? TextParts.Replace(text, bound.Text("old"), bound.Text("new"), bound.Integer("count", -1)) : null,
        ["split"] = (text, arguments) =>
            arguments.Bind("split", "sep?", "maxsplit?") is var bound ? TextParts.Split(text, bound.TextOrNone("sep"), bound.Integer("maxsplit", -1)) : null,
        ["rsplit"] = (text, arguments) =>
            arguments.Bind("rsplit", "sep?", "maxsplit?") is var bound ? TextParts.SplitFromRight(text, bound.TextOrNone("sep"), bound.Integer("maxsplit", -1))
            : null,
        ["splitlines"] = (text, arguments) => new PythonList([.. TextParts.Lines(text, arguments.Bind("splitlines", "keepends?").Truth("keepends"))]),
        ["partition"] = (text, arguments) => TextParts.Partition(text, arguments.Bind("partition", "sep").Text("sep"), isLast: false),
        ["rpartition"] = (text, arguments) => TextParts.Partition(text, arguments.Bind("rpartition", "sep").Text("sep"), isLast: true),
        ["join"] = (text, arguments) => TextParts.Join(text, arguments.Bind("join", "iterable")["iterable"]),
        ["center"] = (text, arguments) => TextParts.Pad("center", text, arguments),
        ["ljust"] = (text, arguments) => TextParts.Pad("ljust", text, arguments),
        ["rjust"] = (text, arguments) => TextParts.Pad("rjust", text, arguments),
        ["zfill"] = (text, arguments) => TextParts.ZeroFill(text, Types.Integer(arguments.Bind("zfill", "width")["width"])),
        ["expandtabs"] = (text, arguments) => TextParts.ExpandTabs(text, arguments.Bind("expandtabs", "tabsize?").Integer("tabsize", 8)),
        ["format"] = (text, arguments) => BraceFormat.Apply(text, arguments),
    };

    public static TracedText Upper(TracedText text) => Ascii.IsValid(text.Value) ? text.With(text.Value.ToUpperInvariant()) : text.Map(PythonCharacters.Upper);

    public static TracedText Lower(TracedText text) => Ascii.IsValid(text.Value) ? text.With(text.Value.ToLowerInvariant()) : text.Map(PythonCharacters.Lower);

    public static TracedText Capitalize(TracedText text) => text.Map((all, i) => i == 0 ? PythonCharacters.Title(all, i) : PythonCharacters.Lower(all, i));

    /// <summary>Without the blanks, or the characters given, at its ends.</summary>
    public static TracedText Strip(TracedText text, TracedText? characters, bool left, bool right)
    {
        var (start, end) = (0, text.Length);
        var set = characters?.Value.EnumerateRunes().ToHashSet();
        while (left && start < end && Goes(start))
            start += text.SizeAt(start);
        while (right && end > start && Goes(Before(end)))
            end = Before(end);
        return text.Part(start, end - start);

        bool Goes(int at) => set is null ? PythonCharacters.IsBlank(text.Value[at]) : Rune.TryGetRuneAt(text.Value, at, out var rune) && set.Contains(rune);

        int Before(int at) => at > 1 && char.IsSurrogatePair(text.Value[at - 2], text.Value[at - 1]) ? at - 2 : at - 1;
    }

    private static T Plain<T>(string name, Arguments arguments, T result)
    {
        arguments.Bind(name);
        return result;
    }

    private static string TitleAt(string text, int index)
    {
        var before = index - 1;
        if (before > 0 && char.IsLowSurrogate(text[before]))
            before--;
        return before >= 0 && PythonCharacters.IsCased(PythonCharacters.At(text, before)) ? PythonCharacters.Lower(text, index)
            : PythonCharacters.Title(text, index);
    }

    private static object? HasEnd(string name, TracedText text, Arguments arguments, Func<string, string, bool> has)
    {
        var bound = arguments.Bind(name, "prefix", "start?", "end?");
        var part = Window(text, bound).Value;
        if (bound["prefix"] is PythonTuple tuple)
            return tuple.Items.Any(end => has(part, Types.Text(end, $"{name} first arg").Value));
        if (bound["prefix"] is TracedText one)
            return has(part, one.Value);
        throw bound["prefix"] is Undefined undefined ? undefined.Error()
            : new EvaluationException($"{name} first arg must be str or a tuple of str, not {Types.NameOf(bound["prefix"])}");
    }

    private static TracedText Window(TracedText text, Arguments.Bound arguments) =>
        arguments.Get("start") is null && arguments.Get("end") is null ? text
            : (TracedText)Access.Slice(text, arguments.Get("start"), arguments.Get("end"), null)!;

    private static int Find(string name, TracedText text, Arguments arguments, bool isLast)
    {
        var bound = arguments.Bind(name, "sub", "start?", "end?");
        var part = bound.Text("sub").Value;
        var window = Window(text, bound);
        var start = bound.Get("start") is { } from ? Types.Integer(from) : 0;
        start = Math.Max(start < 0 ? start + text.CharacterCount : start, 0);
        var found = isLast ? LastIndexOf(window.Value, part) : window.Value.IndexOf(part, StringComparison.Ordinal);
        return found < 0 || start > text.CharacterCount ? -1 : start + window.CharacterOf(found);
    }

    // .NET finds an empty text before the last character.
    private static int LastIndexOf(string text, string part) => part.Length == 0 ? text.Length : text.LastIndexOf(part, StringComparison.Ordinal);

    private static object Found(int index) => index >= 0 ? new BigInteger(index) : throw new EvaluationException("substring not found");

    private static object Count(TracedText text, Arguments.Bound arguments)
    {
        var part = arguments.Text("sub").Value;
        var window = Window(text, arguments);
        if (part.Length == 0)
            return new BigInteger(window.CharacterCount + 1);
        return new BigInteger(window.Value.AsSpan().Count(part));
    }

    private static object Every(string name, TracedText text, Arguments arguments, Func<Rune, bool> holds) =>
        Plain(name, arguments, text.Length > 0 && text.Value.EnumerateRunes().All(holds));

    // Digits that are raised, lowered or in circles, too; not fractions, Roman or Chinese numbers.
    private static bool IsDigit(Rune rune) => Rune.IsDigit(rune)
        || (Rune.IsNumber(rune) && Rune.GetNumericValue(rune) is >= 0 and <= 9 and var number && number == Math.Floor(number)
            && rune.Value is < 0x3000 and not (>= 0x2150 and < 0x2190));

    private static bool IsCase(TracedText text, Func<Rune, bool> holds)
    {
        var cased = text.Value.EnumerateRunes().Where(PythonCharacters.IsCased).ToList();
        return cased.Count > 0 && cased.All(holds);
    }
}
