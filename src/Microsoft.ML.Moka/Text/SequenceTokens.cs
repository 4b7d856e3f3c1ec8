using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Text.Tokenizers;

namespace Microsoft.ML.Moka.Text;

/// <summary>The tokens that begin and end a sequence, and whether one begins with that token.</summary>
/// <param name="Begin">The begin-of-sequence token; null where there is none.</param>
/// <param name="Ends">The end-of-sequence tokens: first the one that training puts after an answer.</param>
/// <param name="StartsWithBegin">Whether sequences start with <paramref name="Begin"/>.</param>
/// <param name="Closing">The token that the tokenizer itself puts after a text; null for none.</param>
internal sealed record SequenceTokens(int? Begin, IReadOnlyList<int> Ends, bool StartsWithBegin, int? Closing = null)
{
    private static readonly string[] NameFiles = ["tokenizer_config.json", "special_tokens_map.json"];
    private static readonly string[] IdFiles = ["generation_config.json", "config.json"];

    /// <summary>The files that can name them, the more telling first.</summary>
    public static IEnumerable<string> ConfigFiles => [.. NameFiles, .. IdFiles];

    /// <summary>The names by which the files call them.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>
    /// The tokens by name, else by id, else as the tokenizer's own file has them; null where nothing names an end. What the tokenizer's own file puts before a
    /// text is the begin, unless the configuration says that there is none.
    /// </summary>
    /// <param name="parts">The tokenizer.</param>
    /// <param name="files">The configuration files that are there, by name.</param>
    /// <param name="location">Where the files lie, for errors.</param>
    public static SequenceTokens? Find(TextTokenizerParts parts, IReadOnlyDictionary<string, byte[]> files, string location)
    {
        var (begins, ends, names) = (new List<int>(), new List<int>(), new List<string>());
        var (startsWithBegin, endsWithEnd) = ((bool?)null, (bool?)null);
        var vocabularySize = parts.VocabularySize;
        foreach (var name in NameFiles)
        {
            Read(name, fields =>
            {
                AddByName(fields, "bos_token", parts, begins, names);
                AddByName(fields, "eos_token", parts, ends, names);
                startsWithBegin ??= fields.Has("add_bos_token") ? fields.Boolean("add_bos_token", missing: false) : null;
                endsWithEnd ??= fields.Has("add_eos_token") ? fields.Boolean("add_eos_token", missing: false) : null;
            });
        }
        foreach (var name in IdFiles)
        {
            Read(name, fields =>
            {
                AddById(fields, "bos_token_id", vocabularySize, begins);
                AddById(fields, "eos_token_id", vocabularySize, ends);
            });
        }
        if (parts.Opening is { } opening && startsWithBegin != false)
            begins.Insert(0, opening);
        if (parts.BeginOfSequence is { } begin)
            begins.Add(begin);
        if (ends.Count == 0 && parts.EndOfSequence is { } end)
            ends.Add(end);
        if (ends.Count == 0)
            return null;
        return new SequenceTokens(
            begins.Count > 0 ? begins[0] : null,
            [.. ends.Distinct()],
            begins.Count > 0 && (startsWithBegin ?? parts.Opening is not null),
            endsWithEnd == false ? null : parts.Closing ?? (endsWithEnd == true ? ends[0] : null)) { Names = names };

        void Read(string name, Action<JsonFields> read)
        {
            if (files.TryGetValue(name, out var content))
                JsonFields.Parse(content, Path.Combine(location, name), fields => { read(fields); return true; });
        }
    }

    // A text, or since added tokens have attributes an object with a "content".
    private static void AddByName(JsonFields fields, string name, TextTokenizerParts parts, List<int> ids, List<string> names)
    {
        if (!fields.Has(name))
            return;
        var token = fields.IsObject(name) ? fields.Object(name)!.Text("content") : fields.Text(name);
        ids.Add(parts.IdOf(token) ?? throw fields.Error(name, $"must be a token of the tokenizer; found '{token}'"));
        names.Add(token);
    }

    private static void AddById(JsonFields fields, string name, int vocabularySize, List<int> ids)
    {
        foreach (var id in fields.Integers(name))
            ids.Add(id < vocabularySize ? id : throw fields.Error(name, $"must be below {vocabularySize}, the number of tokens of the tokenizer; found {id}"));
    }
}
