namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>How texts are split before merges, which a GGUF tells by a name alone (<c>tokenizer.ggml.pre</c>).</summary>
/// <param name="Expressions">One after the other: each splits what the earlier ones have left whole.</param>
internal sealed record GgufSplitting(params string[] Expressions)
{
    private const string Key = "tokenizer.ggml.pre";

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

    private static readonly GgufSplitting s_gpt2 = new(Gpt2);
    private static readonly GgufSplitting s_digits = new(@"\p{N}", Gpt2);
    private static readonly GgufSplitting s_default = new(@"[\p{P}\$\+<=>\^~\|]+", Gpt2, @"\p{N}+", ThreeDigits);
    private static readonly GgufSplitting s_falcon = new(Punctuation, Gpt2, ThreeDigits);
    private static readonly GgufSplitting s_gpt4 = new(Words(@"[^\r\n\p{L}\p{N}]?\p{L}+", @"\p{N}{1,3}"));
    private static readonly GgufSplitting s_llama3 = s_gpt4 with { IgnoresMerges = true, AddsBegin = true };
    private static readonly GgufSplitting s_oneDigit = new(Words(@"[^\r\n\p{L}\p{N}]?\p{L}+", @"\p{N}"));
    private static readonly GgufSplitting s_qwen2 = s_oneDigit with { ComposesCharacters = true };

    private static readonly GgufSplitting s_qwen35 = new(
        $@"{Contractions}|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|{Spaces}") { ComposesCharacters = true };

    private static readonly GgufSplitting s_tekken = new(
        $@"[^\r\n\p{{L}}\p{{N}}]?[{Upper}]*[{Lower}]+|[^\r\n\p{{L}}\p{{N}}]?[{Upper}]+[{Lower}]*|\p{{N}}|{Symbols}[\r\n/]*|{Spaces}")
    {
        IgnoresMerges = true,
        AddsBegin = true,
    };

    private static readonly GgufSplitting s_gpt4o = new(
        $@"[^\r\n\p{{L}}\p{{N}}]?[{Upper}]*[{Lower}]+{Contractions}?|" +
        $@"[^\r\n\p{{L}}\p{{N}}]?[{Upper}]+[{Lower}]*{Contractions}?|\p{{N}}{{1,3}}|{Symbols}[\r\n/]*|{Spaces}");

    // DeepSeek's file lists all letters that have a case.
    private static readonly GgufSplitting s_deepseekLlm = new(
        @"[\r\n]", @"\s?[\p{Lu}\p{Ll}\p{Lt}]+", @"\s?[!-/:-~！-／：-～‘-‟\u3000-。]+", @"\s+$", Chinese, @"\p{N}+");

    private static readonly GgufSplitting s_deepseekCoder = new(@"[\r\n]", @"\s?\p{L}+", @"\s?\p{P}+", Chinese, @"\p{N}");

    private static readonly GgufSplitting s_deepseek3 = new(
        @"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+",
        $@"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{{|}}~][A-Za-z]+|[^\r\n\p{{L}}\p{{P}}\p{{S}}]?[\p{{L}}\p{{M}}]+| ?[\p{{P}}\p{{S}}]+[\r\n]*|{Spaces}");

    private static readonly Dictionary<string, GgufSplitting> s_byName = new(StringComparer.Ordinal)
    {
        [Missing] = s_default,
        ["gpt-2"] = s_gpt2, ["phi-2"] = s_gpt2, ["mpt"] = s_gpt2, ["olmo"] = s_gpt2, ["jais"] = s_gpt2, ["trillion"] = s_gpt2, ["mellum"] = s_gpt2,
        ["exaone4"] = s_gpt2, ["gigachat"] = s_gpt2, ["a.x-4.0"] = s_gpt2, ["granite-docling"] = s_gpt2,
        ["smollm"] = s_digits, ["starcoder"] = s_digits, ["refact"] = s_digits, ["command-r"] = s_digits, ["codeshell"] = s_digits, ["exaone"] = s_digits,
        ["minerva-7b"] = s_digits, ["mellum2"] = s_digits,
        ["falcon"] = s_falcon,
        ["llama3"] = s_llama3, ["llama-v3"] = s_llama3, ["llama-bpe"] = s_llama3, ["falcon3"] = s_llama3, ["falcon-h1"] = s_llama3, ["pixtral"] = s_llama3,
        ["midm-2.0"] = s_llama3, ["lfm2"] = s_llama3,
        ["dbrx"] = s_gpt4, ["smaug-bpe"] = s_gpt4, ["glm4"] = s_gpt4, ["chatglm-bpe"] = s_gpt4,
        ["qwen2"] = s_qwen2, ["deepseek-r1-qwen"] = s_qwen2, ["megrez"] = s_qwen2,
        ["stablelm2"] = s_oneDigit, ["hunyuan"] = s_oneDigit, ["solar-open"] = s_oneDigit, ["grok-2"] = s_oneDigit,
        ["qwen35"] = s_qwen35,
        ["tekken"] = s_tekken,
        ["gpt-4o"] = s_gpt4o, ["llama4"] = s_gpt4o, ["kanana2"] = s_gpt4o,
        ["deepseek-llm"] = s_deepseekLlm,
        ["deepseek-coder"] = s_deepseekCoder,
        ["deepseek-v3"] = s_deepseek3, ["hunyuan-dense"] = s_deepseek3, ["joyai-llm"] = s_deepseek3,
    };

    /// <summary>Whether a piece that is a token as a whole is that token, whatever merges there are.</summary>
    public bool IgnoresMerges { get; init; }

    /// <summary>Whether texts begin with the begin-of-sequence token where the file does not say it.</summary>
    public bool AddsBegin { get; init; }

    /// <summary>Whether characters are composed first (NFC), as Qwen's own tokenizers do.</summary>
    public bool ComposesCharacters { get; init; }

    public static GgufSplitting Of(GgufMetadata metadata) => s_byName.TryGetValue(metadata.Text(Key, Missing), out var splitting)
        ? splitting
        : throw metadata.Error(Key, $"is '{metadata.Text(Key)}'; there are {string.Join(", ", s_byName.Keys.Order(StringComparer.Ordinal))}");

    private static string Words(string letters, string digits) => $"{Contractions}|{letters}|{digits}|{Symbols}[\\r\\n]*|{Spaces}";
}
