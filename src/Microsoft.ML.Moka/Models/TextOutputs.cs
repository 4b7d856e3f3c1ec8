using System.Globalization;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Generation;

namespace Microsoft.ML.Moka.Models;

/// <summary>The column that a generator adds, and how its texts are generated.</summary>
/// <param name="GeneratedColumn">The column.</param>
/// <param name="Generation">How texts are generated.</param>
/// <param name="Chat">The form of its chats; null where an earlier version saved it.</param>
internal sealed record TextOutputs(string GeneratedColumn, TextGenerationOptions Generation, ChatForm? Chat = null) : IModelOutputs<TextOutputs>
{
    public const string Loader = "MokaTextGenerator";

    private const int MostTokens = 1 << 24;

    public static string ModelSignature => "MOKA GEN";

    public static string LoaderSignature => Loader;

    public int? HeadOutputs => null;

    public void Write(SortedDictionary<string, object?> fields, SortedDictionary<string, object?> columns)
    {
        columns["generated"] = GeneratedColumn;
        if (Chat is not null)
            fields["chat"] = Chat.ToFields();
        fields["generation"] = new SortedDictionary<string, object?>(StringComparer.Ordinal)
        {
            ["max_new_tokens"] = Generation.MaximumNewTokens,
            // A text, for not every JSON reader keeps 64 bits.
            ["seed"] = Generation.Seed.ToString(CultureInfo.InvariantCulture),
            ["stop_words"] = Generation.StopWords,
            ["temperature"] = Generation.Temperature,
            ["top_k"] = Generation.TopK,
            ["top_p"] = Generation.TopP,
        };
    }

    public static TextOutputs Read(JsonFields fields, JsonFields columns)
    {
        var stored = fields.Object("generation") ?? throw fields.Error("generation", "is missing");
        if (!long.TryParse(stored.Text("seed"), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var seed))
            throw stored.Error("seed", $"must be a whole number; found '{stored.Text("seed")}'");
        var options = new TextGenerationOptions
        {
            MaximumNewTokens = stored.Integer("max_new_tokens", 1, MostTokens),
            Seed = seed,
            StopWords = stored.Texts("stop_words"),
            Temperature = (float)stored.Number("temperature", 0, float.MaxValue),
            TopK = stored.Integer("top_k", 0, int.MaxValue),
            TopP = (float)stored.Number("top_p", float.Epsilon, 1),
        };
        return options.Problems().FirstOrDefault() is { } problem
            ? throw fields.Error("generation", $"makes no sense: {problem}")
            : new TextOutputs(columns.NonBlank("generated"), options, fields.Object("chat") is { } chat ? ChatForm.Read(chat) : null);
    }
}
