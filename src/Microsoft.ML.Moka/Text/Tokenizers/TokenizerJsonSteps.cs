using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Text.Tokenizers.Expressions;

namespace Microsoft.ML.Moka.Text.Tokenizers;

/// <summary>Reads what a <c>tokenizer.json</c> does before and after its model. Each step's options are read, and those that are not known refused.</summary>
internal static class TokenizerJsonSteps
{
    private const int DeepestNesting = 20;

    public static TextNormalizer Normalizer(JsonFields? fields) => fields is null ? TextNormalizer.None : Normalizer(fields, 0);

    public static PreTokenizer PreTokenizer(JsonFields? fields)
    {
        var steps = new List<PreTokenizer>();
        if (fields is not null)
            AddPreTokenizer(fields, steps, 0);
        return new PreTokenizer.Chain(steps);
    }

    public static TokenDecoder Decoder(JsonFields fields) => Decoder(fields, 0);

    private static TokenDecoder Decoder(JsonFields fields, int depth)
    {
        switch (Type(fields, depth))
        {
            case "Sequence":
                fields.RefuseOthers("type", "decoders");
                return new TokenDecoder.Chain([.. fields.Objects("decoders").Select(item => Decoder(item, depth + 1))]);
            case "ByteLevel":
                fields.RefuseOthers("type", "add_prefix_space", "trim_offsets", "use_regex");
                return new TokenDecoder.ByteLevel();
            case "ByteFallback":
                fields.RefuseOthers("type");
                return new TokenDecoder.ByteFallback();
            case "Fuse":
                fields.RefuseOthers("type");
                return new TokenDecoder.Fuse();
            case "Replace":
                return new TokenDecoder.Replace(Replace(fields));
            case "Strip":
                fields.RefuseOthers("type", "content", "start", "stop");
                return new TokenDecoder.Strip(Character(fields, "content"), fields.Integer("start", 0, 1000), fields.Integer("stop", 0, 1000));
            case "Metaspace":
                var (mark, scheme, _) = Metaspace(fields);
                return new TokenDecoder.Metaspace(mark, scheme != Tokenizers.PreTokenizer.PrependScheme.Never);
            case var type:
                throw Unknown(fields, type, "Sequence, ByteLevel, ByteFallback, Fuse, Replace, Strip or Metaspace");
        }
    }

    /// <summary>The tokens that a <c>post_processor</c> puts before and after a text.</summary>
    /// <param name="fields">The processor; null where there is none.</param>
    /// <param name="idOf">The id of a token by its name; -1 for one that is not there.</param>
    public static (int? Opening, int? Closing) Surroundings(JsonFields? fields, Func<string, int> idOf) => Surroundings(fields, idOf, 0);

    private static (int? Opening, int? Closing) Surroundings(JsonFields? fields, Func<string, int> idOf, int depth)
    {
        if (fields is null)
            return default;
        switch (Type(fields, depth))
        {
            case "ByteLevel":
                fields.RefuseOthers("type", "add_prefix_space", "trim_offsets", "use_regex");
                return default;
            case "Sequence":
                fields.RefuseOthers("type", "processors");
                var (opening, closing) = ((int?)null, (int?)null);
                foreach (var item in fields.Objects("processors"))
                {
                    var (before, after) = Surroundings(item, idOf, depth + 1);
                    if ((opening is not null && before is not null) || (closing is not null && after is not null))
                        throw fields.Error("processors", "put more than one token before or after a text, which is not supported");
                    (opening, closing) = (opening ?? before, closing ?? after);
                }
                return (opening, closing);
            case "TemplateProcessing":
                fields.RefuseOthers("type", "single", "pair", "special_tokens");
                return Template(fields, idOf);
            case var type:
                throw Unknown(fields, type, "ByteLevel, Sequence or TemplateProcessing");
        }
    }

    private static (int? Opening, int? Closing) Template(JsonFields fields, Func<string, int> idOf)
    {
        var (before, after) = (new List<int>(), new List<int>());
        var hasText = false;
        foreach (var item in fields.Objects("single"))
        {
            item.RefuseOthers("SpecialToken", "Sequence");
            if (item.Object("SpecialToken") is not { } token)
            {
                if (hasText || item.Object("Sequence") is not { } sequence || sequence.Text("id") != "A")
                    throw fields.Error("single", "must have the text, sequence A, once");
                hasText = true;
                continue;
            }
            var name = token.Text("id");
            var ids = fields.Object("special_tokens")?.Object(name)?.Integers("ids") ?? [idOf(name)];
            if (ids.Any(id => id != idOf(name) || id < 0))
                throw fields.Error("single", $"names '{name}', which must be a token with the same id everywhere; found {string.Join(", ", ids)}");
            (hasText ? after : before).AddRange(ids);
        }
        if (!hasText)
            throw fields.Error("single", "must have the text, sequence A, once");
        if (before.Count > 1 || after.Count > 1)
            throw fields.Error("single", "puts more than one token before or after a text, which is not supported");
        return (before.Count > 0 ? before[0] : null, after.Count > 0 ? after[0] : null);
    }

    private static TextNormalizer Normalizer(JsonFields fields, int depth)
    {
        switch (Type(fields, depth))
        {
            case "Sequence":
                fields.RefuseOthers("type", "normalizers");
                return new TextNormalizer.Chain([.. fields.Objects("normalizers").Select(item => Normalizer(item, depth + 1))]);
            case "NFC":
                fields.RefuseOthers("type");
                return new TextNormalizer.Composition();
            case "NFD":
                fields.RefuseOthers("type");
                return new TextNormalizer.Decomposition();
            case "Prepend":
                fields.RefuseOthers("type", "prepend");
                return new TextNormalizer.Prepend(fields.Text("prepend"));
            case "Replace":
                return Replace(fields);
            case "Lowercase":
                fields.RefuseOthers("type");
                return new TextNormalizer.Lowercase();
            case "Strip":
                fields.RefuseOthers("type", "strip_left", "strip_right");
                return new TextNormalizer.Strip(fields.Boolean("strip_left", missing: true), fields.Boolean("strip_right", missing: true));
            case var type:
                throw Unknown(fields, type, "Sequence, NFC, NFD, Prepend, Replace, Lowercase or Strip");
        }
    }

    private static void AddPreTokenizer(JsonFields fields, List<PreTokenizer> steps, int depth)
    {
        if (steps.Exists(step => step.IsByteLevel))
            throw fields.Error("type", "stands after ByteLevel, which must be the last: what follows would see byte letters");
        switch (Type(fields, depth))
        {
            case "Sequence":
                fields.RefuseOthers("type", "pretokenizers");
                foreach (var item in fields.Objects("pretokenizers"))
                    AddPreTokenizer(item, steps, depth + 1);
                break;
            case "ByteLevel":
                fields.RefuseOthers("type", "add_prefix_space", "trim_offsets", "use_regex");
                steps.Add(new PreTokenizer.ByteLevel(fields.Boolean("add_prefix_space", missing: true), fields.Boolean("use_regex", missing: true)));
                break;
            case "Digits":
                fields.RefuseOthers("type", "individual_digits");
                var isAlone = fields.Boolean("individual_digits", missing: false);
                steps.Add(AtCharacters(NamedSets.Number, isAlone ? Tokenizers.PreTokenizer.Behavior.Isolated : Tokenizers.PreTokenizer.Behavior.Contiguous));
                break;
            case "Punctuation":
                fields.RefuseOthers("type", "behavior");
                steps.Add(AtCharacters(NamedSets.Punctuation, Behavior(fields, missing: "Isolated")));
                break;
            case "Whitespace":
                fields.RefuseOthers("type");
                var words = Expression.ForRuns(NamedSets.RustWord, CodePointSet.Union(NamedSets.RustWord, NamedSets.Space).Complement());
                steps.Add(new PreTokenizer.Split(words, Tokenizers.PreTokenizer.Behavior.Removed, isInverted: true));
                break;
            case "WhitespaceSplit":
                fields.RefuseOthers("type");
                steps.Add(AtCharacters(NamedSets.Space, Tokenizers.PreTokenizer.Behavior.Removed));
                break;
            case "CharDelimiterSplit":
                fields.RefuseOthers("type", "delimiter");
                steps.Add(AtCharacters(CodePointSet.Of(Character(fields, "delimiter")), Tokenizers.PreTokenizer.Behavior.Removed));
                break;
            case "Split":
                fields.RefuseOthers("type", "pattern", "behavior", "invert");
                steps.Add(new PreTokenizer.Split(Pattern(fields), Behavior(fields), fields.Boolean("invert", missing: false)));
                break;
            case "Metaspace":
                var (mark, scheme, splits) = Metaspace(fields);
                steps.Add(new PreTokenizer.Metaspace(mark, scheme, splits));
                break;
            case var type:
                throw Unknown(fields, type, "Sequence, ByteLevel, Digits, Punctuation, Whitespace, WhitespaceSplit, CharDelimiterSplit, Split or Metaspace");
        }
    }

    private static PreTokenizer.Split AtCharacters(CodePointSet set, PreTokenizer.Behavior behavior) => new(Expression.ForSet(set), behavior);

    private static (char Mark, PreTokenizer.PrependScheme Scheme, bool Splits) Metaspace(JsonFields fields)
    {
        fields.RefuseOthers("type", "replacement", "str_rep", "add_prefix_space", "prepend_scheme", "split");
        var scheme = fields.Text("prepend_scheme", missing: "always") switch
        {
            "always" => Tokenizers.PreTokenizer.PrependScheme.Always,
            "first" => Tokenizers.PreTokenizer.PrependScheme.First,
            "never" => Tokenizers.PreTokenizer.PrependScheme.Never,
            var other => throw fields.Error("prepend_scheme", $"must be always, first or never; found '{other}'"),
        };
        // The older of the two fields.
        if (!fields.Boolean("add_prefix_space", missing: true))
        {
            scheme = fields.Has("prepend_scheme") && scheme != Tokenizers.PreTokenizer.PrependScheme.Never
                ? throw fields.Error("add_prefix_space", "must not be false where prepend_scheme is not never")
                : Tokenizers.PreTokenizer.PrependScheme.Never;
        }
        return (Character(fields, "replacement"), scheme, fields.Boolean("split", missing: true));
    }

    private static TextNormalizer Replace(JsonFields fields)
    {
        fields.RefuseOthers("type", "pattern", "content");
        var content = fields.Text("content");
        return fields.Object("pattern")?.Has("String") == true && fields.Object("pattern")!.Text("String") is { Length: > 0 } text
            ? new TextNormalizer.ReplaceText(text, content)
            : new TextNormalizer.ReplaceMatches(Pattern(fields), content);
    }

    private static Expression Pattern(JsonFields fields)
    {
        var pattern = fields.Object("pattern") ?? throw fields.Error("pattern", "is missing");
        pattern.RefuseOthers("String", "Regex");
        if (pattern.Has("String"))
            return Expression.ForText(pattern.Text("String"));
        try
        {
            return new Expression(pattern.Text("Regex"));
        }
        catch (FormatException failure)
        {
            throw fields.Error("pattern", $"must be an expression that is known; {failure.Message}");
        }
    }

    private static PreTokenizer.Behavior Behavior(JsonFields fields, string? missing = null) => fields.Text("behavior", missing) switch
    {
        "Isolated" => Tokenizers.PreTokenizer.Behavior.Isolated,
        "Removed" => Tokenizers.PreTokenizer.Behavior.Removed,
        "Contiguous" => Tokenizers.PreTokenizer.Behavior.Contiguous,
        "MergedWithPrevious" => Tokenizers.PreTokenizer.Behavior.MergedWithPrevious,
        "MergedWithNext" => Tokenizers.PreTokenizer.Behavior.MergedWithNext,
        var other => throw fields.Error("behavior", $"must be Isolated, Removed, Contiguous, MergedWithPrevious or MergedWithNext; found '{other}'"),
    };

    private static char Character(JsonFields fields, string name)
    {
        var text = fields.Text(name);
        return text.Length == 1 && !char.IsSurrogate(text[0]) ? text[0] : throw fields.Error(name, $"must be one character; found '{text}'");
    }

    private static string Type(JsonFields fields, int depth) =>
        depth <= DeepestNesting ? fields.Text("type") : throw fields.Error("type", $"is nested deeper than {DeepestNesting}");

    private static InvalidDataException Unknown(JsonFields fields, string type, string known) =>
        fields.Error("type", $"must be {known}; found '{type}', which is not supported");
}
