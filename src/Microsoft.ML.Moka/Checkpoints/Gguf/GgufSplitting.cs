namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>How texts are split before merges, which a GGUF tells by a name alone (<c>tokenizer.ggml.pre</c>).</summary>
/// <param name="Expressions">One after the other: each splits what the earlier ones have left whole.</param>
internal sealed record GgufSplitting(params string[] Expressions)
{
    public const string Key = "tokenizer.ggml.pre";

    // Files from before there were names are split as "default" by llama.cpp too.
    private const string Missing = "default";

    private const string Contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private const string Upper = @"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}";
    private const string Lower = @"\p{Ll}\p{Lm}\p{Lo}\p{M}";
    private const string Spaces = @"\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Symbols = @" ?[^\s\p{L}\p{N}]+";

    // GPT-2's own; everything later is made of it.
    private const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private const string Punctuation = @"[\p{P}\$\+<=>\^~\|`]+";
    private const string ThreeDigits = "[0-9][0-9][0-9]";
    private const string Chinese = @"[一-龥\u0800-一가-\uD7FF]+";

    private static readonly GgufSplitting LikeGpt2 = new(Gpt2);
    private static readonly GgufSplitting LikeSmolLM = new(@"\p{N}", Gpt2);
    private static readonly GgufSplitting LikeDefault = new(@"[\p{P}\$\+<=>\^~\|]+", Gpt2, @"\p{N}+", ThreeDigits);
    private static readonly GgufSplitting LikeFalcon = new(Punctuation, Gpt2, ThreeDigits);
    private static readonly GgufSplitting LikeGpt4 = new(Words(@"[^\r\n\p{L}\p{N}]?\p{L}+", @"\p{N}{1,3}"));
    private static readonly GgufSplitting LikeLlama3 = LikeGpt4 with { IgnoresMerges = true, AddsBegin = true };
    private static readonly GgufSplitting LikeOneDigit = new(Words(@"[^\r\n\p{L}\p{N}]?\p{L}+", @"\p{N}"));
    private static readonly GgufSplitting LikeQwen2 = LikeOneDigit with { ComposesCharacters = true };

    private static readonly GgufSplitting LikeQwen35 = new(
        $@"{Contractions}|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|{Spaces}") { ComposesCharacters = true };

    private static readonly GgufSplitting LikeTekken = new(
        $@"[^\r\n\p{{L}}\p{{N}}]?[{Upper}]*[{Lower}]+|[^\r\n\p{{L}}\p{{N}}]?[{Upper}]+[{Lower}]*|\p{{N}}|{Symbols}[\r\n/]*|{Spaces}")
    {
        IgnoresMerges = true,
        AddsBegin = true,
    };

    private static readonly GgufSplitting LikeGpt4o = new(
        $@"[^\r\n\p{{L}}\p{{N}}]?[{Upper}]*[{Lower}]+{Contractions}?|" +
        $@"[^\r\n\p{{L}}\p{{N}}]?[{Upper}]+[{Lower}]*{Contractions}?|\p{{N}}{{1,3}}|{Symbols}[\r\n/]*|{Spaces}");

    // DeepSeek's file lists all letters that have a case.
    private static readonly GgufSplitting LikeDeepseekLlm = new(
        @"[\r\n]", @"\s?[\p{Lu}\p{Ll}\p{Lt}]+", @"\s?[!-/:-~！-／：-～‘-‟\u3000-。]+", @"\s+$", Chinese, @"\p{N}+");

    private static readonly GgufSplitting LikeDeepseekCoder = new(@"[\r\n]", @"\s?\p{L}+", @"\s?\p{P}+", Chinese, @"\p{N}");

    private static readonly GgufSplitting LikeDeepseek3 = new(
        @"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+",
        $@"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{{|}}~][A-Za-z]+|[^\r\n\p{{L}}\p{{P}}\p{{S}}]?[\p{{L}}\p{{M}}]+| ?[\p{{P}}\p{{S}}]+[\r\n]*|{Spaces}");

    private static readonly Dictionary<string, GgufSplitting> ByName = new(StringComparer.Ordinal)
    {
        [Missing] = LikeDefault,
        ["gpt-2"] = LikeGpt2, ["phi-2"] = LikeGpt2, ["mpt"] = LikeGpt2, ["olmo"] = LikeGpt2, ["jais"] = LikeGpt2,
        ["trillion"] = LikeGpt2, ["mellum"] = LikeGpt2,
        ["exaone4"] = LikeGpt2, ["gigachat"] = LikeGpt2, ["a.x-4.0"] = LikeGpt2, ["granite-docling"] = LikeGpt2,
        ["smollm"] = LikeSmolLM, ["starcoder"] = LikeSmolLM, ["refact"] = LikeSmolLM, ["command-r"] = LikeSmolLM, ["codeshell"] = LikeSmolLM,
        ["exaone"] = LikeSmolLM,
        ["minerva-7b"] = LikeSmolLM, ["mellum2"] = LikeSmolLM,
        ["falcon"] = LikeFalcon,
        ["llama3"] = LikeLlama3, ["llama-v3"] = LikeLlama3, ["llama-bpe"] = LikeLlama3, ["falcon3"] = LikeLlama3, ["falcon-h1"] = LikeLlama3,
        ["pixtral"] = LikeLlama3,
        ["midm-2.0"] = LikeLlama3, ["lfm2"] = LikeLlama3,
        ["dbrx"] = LikeGpt4, ["smaug-bpe"] = LikeGpt4, ["glm4"] = LikeGpt4, ["chatglm-bpe"] = LikeGpt4,
        ["qwen2"] = LikeQwen2, ["deepseek-r1-qwen"] = LikeQwen2, ["megrez"] = LikeQwen2,
        ["stablelm2"] = LikeOneDigit, ["hunyuan"] = LikeOneDigit, ["solar-open"] = LikeOneDigit, ["grok-2"] = LikeOneDigit,
        ["qwen35"] = LikeQwen35,
        ["tekken"] = LikeTekken,
        ["gpt-4o"] = LikeGpt4o, ["llama4"] = LikeGpt4o, ["kanana2"] = LikeGpt4o,
        ["deepseek-llm"] = LikeDeepseekLlm,
        ["deepseek-coder"] = LikeDeepseekCoder,
        ["deepseek-v3"] = LikeDeepseek3, ["hunyuan-dense"] = LikeDeepseek3, ["joyai-llm"] = LikeDeepseek3,
    };

    // One name for each, the one by which most files call it.
    private static readonly string[] Written =
    [
        "gpt-2", "smollm", "llama-bpe", "qwen2", "dbrx", "stablelm2", "tekken", "gpt-4o", "deepseek-v3", "deepseek-llm", "deepseek-coder", "qwen35", "falcon",
        Missing,
    ];

    /// <summary>All, each under one name.</summary>
    public static IEnumerable<(string Name, GgufSplitting Splitting)> Known => Written.Select(name => (name, ByName[name]));

    /// <summary>Whether a piece that is a token as a whole is that token, whatever merges there are.</summary>
    public bool IgnoresMerges { get; init; }

    /// <summary>Whether texts begin with the begin-of-sequence token where the file does not say it.</summary>
    public bool AddsBegin { get; init; }

    /// <summary>Whether characters are composed first (NFC), as Qwen's own tokenizers do.</summary>
    public bool ComposesCharacters { get; init; }

    public static GgufSplitting Of(GgufMetadata metadata) => ByName.TryGetValue(metadata.Text(Key, Missing), out var splitting)
        ? splitting
        : throw metadata.Error(Key, $"is '{metadata.Text(Key)}'; there are {string.Join(", ", ByName.Keys.Order(StringComparer.Ordinal))}");

    private static string Words(string letters, string digits) => $"{Contractions}|{letters}|{digits}|{Symbols}[\\r\\n]*|{Spaces}";
}
