using System.Text.Json;

namespace Microsoft.ML.Moka.Text;

/// <summary>The tokens that begin and end a sequence, and whether one begins with that token.</summary>
/// <param name="Begin">The begin-of-sequence token; null where there is none.</param>
/// <param name="Ends">The end-of-sequence tokens: first the one that training puts after an answer.</param>
/// <param name="StartsWithBegin">Whether sequences start with <paramref name="Begin"/>.</param>
internal sealed record SequenceTokens(int? Begin, IReadOnlyList<int> Ends, bool StartsWithBegin)
{
    private static readonly string[] s_nameFiles = ["tokenizer_config.json", "special_tokens_map.json"];
    private static readonly string[] s_idFiles = ["generation_config.json", "config.json"];

    /// <summary>The files that can name them, the more telling first.</summary>
    public static IEnumerable<string> ConfigFiles => [.. s_nameFiles, .. s_idFiles];

    /// <summary>
    /// The tokens by name, else by id, else as the tokenizer's own file has them; null where nothing names an end.
    /// Each file is read through <paramref name="reading"/>, which puts its name to an error.
    /// </summary>
    public static SequenceTokens? Find(TokenizerForm form, IReadOnlyDictionary<string, byte[]> files, Func<string, Func<List<int>>, List<int>> reading)
    {
        var begins = Candidates("bos_token");
        var ends = Candidates("eos_token");
        if (form.BeginOfSequence is { } begin && begins.Count == 0)
            begins.Add(begin);
        if (form.EndOfSequence is { } end && ends.Count == 0)
            ends.Add(end);
        if (ends.Count == 0)
            return null;
        var startsWithBegin = form.StartsWithBeginOfSequence;
        if (files.TryGetValue("tokenizer_config.json", out var config))
        {
            using var document = JsonDocument.Parse(config);
            if (new JsonField(document.RootElement, "").Optional("add_bos_token") is { } adds)
                startsWithBegin = JsonField.IsTrue(adds);
        }
        return new SequenceTokens(begins.Count > 0 ? begins[0] : null, [.. ends.Distinct()], startsWithBegin);

        List<int> Candidates(string field) =>
        [
            .. s_nameFiles.Where(files.ContainsKey).SelectMany(name => reading(name, () => ByName(form, files[name], field))),
            .. s_idFiles.Where(files.ContainsKey).SelectMany(name => reading(name, () => ById(form, files[name], field + "_id"))),
        ];
    }

    // A text, or since added tokens have attributes an object with a "content".
    private static List<int> ByName(TokenizerForm form, byte[] file, string field)
    {
        using var document = JsonDocument.Parse(file);
        if (new JsonField(document.RootElement, "").Optional(field) is not { } node)
            return [];
        var content = node.Value.ValueKind == JsonValueKind.Object ? node["content"] : node;
        return form.TryGetId(content.Text(), out var id) ? [id] : throw content.Wrong($"is '{content.Text()}', which the tokenizer lacks");
    }

    // An id, or a list of them.
    private static List<int> ById(TokenizerForm form, byte[] file, string field)
    {
        using var document = JsonDocument.Parse(file);
        if (new JsonField(document.RootElement, "").Optional(field) is not { } node)
            return [];
        IEnumerable<JsonField> nodes = node.Value.ValueKind == JsonValueKind.Array ? node.Items() : [node];
        return [.. nodes.Select(item => item.Id() < form.VocabularySize ? item.Id() : throw item.Wrong($"is {item.Id()}, but the tokenizer has {form.VocabularySize} tokens only"))];
    }
}
