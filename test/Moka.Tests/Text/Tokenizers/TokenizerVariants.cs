using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Text.Tokenizers;

/// <summary>Made-up tokenizer.json files with every step that is known, each in many forms.</summary>
internal static class TokenizerVariants
{
    private static readonly string[] Expressions =
    [
        @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        @"(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s*+[\r\n]|\s+(?!\S)|\s+",
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
            + @"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        @"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+|\p{N}{1,3}|\s+(?!\S)|\s+",
        @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        @"[\r\n]", @"\s?\p{L}+", @"\s?\p{P}+", @"[一-龥ࠀ-一가-퟿]+", @"\p{N}", @"[0-9][0-9][0-9]", @"\s+$", @"\s?[!-/:-~！-／：-～‘-‟　-。]+",
            @"\s?[A-Za-zµÀ-ÖØ-öø-ƺ𐐀-𐑏]+",
        @"(?=(\d{3})+(?!\d))", @"\b", @"(?<=\p{L})\p{N}", @"^", @"\w+", @"[^\w\s]+", @"\p{Han}|\p{Hiragana}+|\p{Katakana}+|\p{Hangul}", "x*", ".", @"\p{^L}+",
            @"\S+|\s",
    ];

    private static readonly string[][] Schemes = [["always", "first", "never"], ["always", "never"]];

    private static readonly string[] Behaviors = ["Isolated", "Removed", "Contiguous", "MergedWithPrevious", "MergedWithNext"];

    /// <summary>A whole file: at byte level, or of characters with or without byte fallback.</summary>
    public static JsonObject Make(Random random)
    {
        var isByteLevel = random.Next(2) == 0;
        var (vocabulary, merges) = isByteLevel ? ByteLevel(random) : Characters(random);
        // Nothing is unknown where there is no token for it; then it has no token.
        var unknown = random.Next(3) > 0 ? "<unk>" : null;
        if (unknown is not null)
            vocabulary.TryAdd(unknown, vocabulary.Count);
        var added = AddedTokens(random, vocabulary);
        var model = new JsonObject
        {
            ["type"] = "BPE",
            ["dropout"] = null,
            ["unk_token"] = unknown,
            ["fuse_unk"] = random.Next(2) == 0,
            ["byte_fallback"] = !isByteLevel && random.Next(3) > 0,
            ["ignore_merges"] = random.Next(3) == 0,
            ["vocab"] = new JsonObject(vocabulary.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))),
            ["merges"] = new JsonArray([.. merges.Select(merge => (JsonNode)new JsonArray(merge.Left, merge.Right))]),
        };
        var normalizer = Normalizer(random);
        return new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = added,
            ["normalizer"] = normalizer,
            ["pre_tokenizer"] = PreTokenizer(random, isByteLevel, normalizer),
            ["post_processor"] = PostProcessor(random, added),
            ["decoder"] = Decoder(random, isByteLevel),
            ["model"] = model,
        };
    }

    public static JsonObject? Normalizer(Random random, int depth = 0) => random.Next(depth == 0 ? 11 : 9) switch
    {
        0 => Type("NFC"),
        1 => Type("NFD"),
        2 => Type("Prepend", ("prepend", "▁")),
        3 => Type("Replace", ("pattern", new JsonObject { ["String"] = " " }), ("content", "▁")),
        4 => Type("Replace", ("pattern", new JsonObject { ["Regex"] = @" {2,}|\t" }), ("content", " ")),
        5 => Type("Lowercase"),
        6 => Type("Strip", ("strip_left", random.Next(2) == 0), ("strip_right", random.Next(2) == 0)),
        < 9 => Type("Sequence", ("normalizers", depth > 2 ? new JsonArray()
            : new JsonArray([.. Enumerable.Range(0, random.Next(4)).Select(_ => (JsonNode)Normalizer(random, depth + 1)!)]))),
        _ => null,
    };

    public static JsonObject? PreTokenizer(Random random, bool isByteLevel, JsonObject? normalizer)
    {
        // What is refused: a first place that the normalizer moves.
        var hasStart = normalizer?.ToJsonString() is not { } written
            || !(written.Contains("Prepend", StringComparison.Ordinal) || written.Contains("Strip", StringComparison.Ordinal));
        var steps = Enumerable.Range(0, random.Next(4)).Select(_ => Step(random, hasStart)).ToList();
        if (isByteLevel)
            steps.Add(Type("ByteLevel", ("add_prefix_space", random.Next(3) == 0), ("trim_offsets", true), ("use_regex", random.Next(2) == 0)));
        return steps.Count switch
        {
            0 => null,
            1 when random.Next(2) == 0 => steps[0],
            _ => Type("Sequence", ("pretokenizers", new JsonArray([.. steps]))),
        };
    }

    private static JsonObject Step(Random random, bool hasStart) => random.Next(12) switch
    {
        0 => Type("Digits", ("individual_digits", random.Next(2) == 0)),
        1 => Type("Punctuation", ("behavior", Pick(random, Behaviors))),
        2 => Type("Whitespace"),
        3 => Type("WhitespaceSplit"),
        4 => Type("CharDelimiterSplit", ("delimiter", Pick(random, ["x", "日", " "]))),
        5 or 6 => Type("Metaspace", ("replacement", "▁"), ("prepend_scheme", Pick(random, Schemes[hasStart ? 0 : 1])), ("split", random.Next(2) == 0)),
        7 => Type("Split", ("pattern", new JsonObject { ["String"] = Pick(random, [" ", "the", ".", "Ж"]) }), ("behavior", Pick(random, Behaviors)),
            ("invert", random.Next(3) == 0)),
        _ => Type("Split", ("pattern", new JsonObject { ["Regex"] = Pick(random, Expressions) }),
            ("behavior", random.Next(2) == 0 ? "Isolated" : Pick(random, Behaviors)), ("invert", random.Next(4) == 0)),
    };

    private static (Dictionary<string, int>, List<(string Left, string Right)>) ByteLevel(Random random)
    {
        var letters = Enumerable.Range(0, 256).Where(_ => random.Next(12) > 0).Select(value => ByteLevelAlphabet.Character((byte)value).ToString());
        return WithMerges(random, letters, text => string.Concat(Encoding.UTF8.GetBytes(text).Select(ByteLevelAlphabet.Character)));
    }

    private static (Dictionary<string, int>, List<(string Left, string Right)>) Characters(Random random)
    {
        var bytes = Enumerable.Range(0, 256).Where(value => value != 0xE2 || random.Next(2) == 0)
            .Select(value => string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>"));
        var characters = "▁abcdefghijklmnoprstuvwyzABHIWELV 0123456789.,!'-<>|_\n日本語漢字かЖéß🚀".EnumerateRunes().Select(rune => rune.ToString())
            .Where(_ => random.Next(12) > 0);
        return WithMerges(random, bytes.Concat(characters), text => text.Replace(' ', '▁'));
    }

    // Words of the texts, put together from left to right or from right to left.
    private static (Dictionary<string, int>, List<(string Left, string Right)>) WithMerges(Random random, IEnumerable<string> first, Func<string, string> write)
    {
        var vocabulary = new Dictionary<string, int>();
        foreach (var token in first)
            vocabulary.TryAdd(token, vocabulary.Count);
        var merges = new List<(string Left, string Right)>();
        foreach (var word in (string[])["the", " the", "ing", "Hello", "  ", "    ", "!!", "!!!!", "aa", "aaaa", "日本語", "é", "Привет", "漢字", "'s", "don't",
            "12", "2026", "\n\n", "▁the", "한국어", "🚀"])
        {
            var letters = write(word).EnumerateRunes().Select(rune => rune.ToString()).ToList();
            var leftFirst = random.Next(2) == 0;
            while (letters.Count > 1)
            {
                var at = leftFirst ? 0 : letters.Count - 2;
                var (left, right) = (letters[at], letters[at + 1]);
                if (!vocabulary.ContainsKey(left) || !vocabulary.ContainsKey(right))
                    break;
                vocabulary.TryAdd(left + right, vocabulary.Count);
                if (!merges.Contains((left, right)))
                    merges.Add((left, right));
                letters[at] = left + right;
                letters.RemoveAt(at + 1);
            }
        }
        return (vocabulary, merges);
    }

    private static JsonArray AddedTokens(Random random, Dictionary<string, int> vocabulary)
    {
        var tokens = new JsonArray();
        var next = vocabulary.Count;
        string[] contents = ["<s>", "</s>", "<|end|>", "<tool>", "word", "the", "<s", "日本", " lead", "tail ", "Ж", "İx", "é", "<unk>", "a\u0301"];
        foreach (var content in contents.Where(_ => random.Next(3) == 0))
        {
            tokens.Add(new JsonObject
            {
                ["id"] = vocabulary.TryGetValue(content, out var known) ? known : next++,
                ["content"] = content,
                ["single_word"] = random.Next(4) == 0,
                ["lstrip"] = random.Next(4) == 0,
                ["rstrip"] = random.Next(4) == 0,
                ["normalized"] = random.Next(3) == 0,
                // Of names that overlap all or none are special: whether one is found in what is no name of another is nobody's rule.
                ["special"] = content.StartsWith("<s", StringComparison.Ordinal) || (!content.Contains(' ', StringComparison.Ordinal) && random.Next(2) == 0),
            });
        }
        return tokens;
    }

    private static JsonObject? PostProcessor(Random random, JsonArray added)
    {
        if (added.Count == 0 || random.Next(2) == 0)
            return random.Next(2) == 0 ? null : Type("ByteLevel", ("add_prefix_space", true), ("trim_offsets", false), ("use_regex", true));
        var token = added[random.Next(added.Count)]!;
        var (name, id) = ((string)token["content"]!, (int)token["id"]!);
        var single = new JsonArray(new JsonObject { ["Sequence"] = new JsonObject { ["id"] = "A", ["type_id"] = 0 } });
        for (var i = random.Next(3); i >= 0; i--)
            single.Insert(i == 1 && single.Count == 1 ? 1 : 0, new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = name, ["type_id"] = 0 } });
        while (single.Count > 2)
            single.RemoveAt(0);
        var template = Type(
            "TemplateProcessing",
            ("single", single),
            ("pair", new JsonArray(
                new JsonObject { ["Sequence"] = new JsonObject { ["id"] = "A", ["type_id"] = 0 } },
                    new JsonObject { ["Sequence"] = new JsonObject { ["id"] = "B", ["type_id"] = 1 } })),
            ("special_tokens", new JsonObject { [name] = new JsonObject { ["id"] = name, ["ids"] = new JsonArray(id), ["tokens"] = new JsonArray(name) } }));
        return random.Next(2) == 0 ? template : Type("Sequence",
            ("processors", new JsonArray(Type("ByteLevel", ("add_prefix_space", true), ("trim_offsets", false), ("use_regex", true)), template)));
    }

    private static JsonObject? Decoder(Random random, bool isByteLevel) => (isByteLevel, random.Next(4)) switch
    {
        (true, _) => Type("ByteLevel", ("add_prefix_space", true), ("trim_offsets", true), ("use_regex", true)),
        (_, 0) => null,
        (_, 1) => Type("Metaspace", ("replacement", "▁"), ("prepend_scheme", Pick(random, ["always", "first", "never"])), ("split", true)),
        _ => Type("Sequence", ("decoders", new JsonArray(
            Type("Replace", ("pattern", new JsonObject { ["String"] = "▁" }), ("content", " ")),
            Type("ByteFallback"),
            Type("Fuse"),
            Type("Strip", ("content", " "), ("start", random.Next(3)), ("stop", 0))))),
    };

    private static JsonObject Type(string type, params ReadOnlySpan<(string Name, JsonNode? Value)> options)
    {
        var step = new JsonObject { ["type"] = type };
        foreach (var (name, value) in options)
            step.Add(name, value);
        return step;
    }

    private static T Pick<T>(Random random, IReadOnlyList<T> items) => items[random.Next(items.Count)];
}
