using Microsoft.ML.Moka.Files;

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

    /// <summary>The tokens by name, else by id, else as the tokenizer's own file has them; null where nothing names an end.</summary>
    /// <param name="form">The tokenizer.</param>
    /// <param name="files">The configuration files that are there, by name.</param>
    /// <param name="location">Where the files lie, for errors.</param>
    public static SequenceTokens? Find(TokenizerForm form, IReadOnlyDictionary<string, byte[]> files, string location)
    {
        var (begins, ends) = (new List<int>(), new List<int>());
        var startsWithBegin = form.StartsWithBeginOfSequence;
        foreach (var name in s_nameFiles)
        {
            Read(name, fields =>
            {
                AddByName(fields, "bos_token", form, begins);
                AddByName(fields, "eos_token", form, ends);
                startsWithBegin = fields.Boolean("add_bos_token", startsWithBegin);
            });
        }
        foreach (var name in s_idFiles)
        {
            Read(name, fields =>
            {
                AddById(fields, "bos_token_id", form, begins);
                AddById(fields, "eos_token_id", form, ends);
            });
        }
        if (begins.Count == 0 && form.BeginOfSequence is { } begin)
            begins.Add(begin);
        if (ends.Count == 0 && form.EndOfSequence is { } end)
            ends.Add(end);
        return ends.Count == 0 ? null : new SequenceTokens(begins.Count > 0 ? begins[0] : null, [.. ends.Distinct()], startsWithBegin);

        void Read(string name, Action<JsonFields> read)
        {
            if (files.TryGetValue(name, out var content))
                JsonFields.Parse(content, Path.Combine(location, name), fields => { read(fields); return true; });
        }
    }

    // A text, or since added tokens have attributes an object with a "content".
    private static void AddByName(JsonFields fields, string name, TokenizerForm form, List<int> ids)
    {
        if (!fields.Has(name))
            return;
        var token = fields.IsObject(name) ? fields.Object(name)!.Text("content") : fields.Text(name);
        ids.Add(form.TryGetId(token, out var id) ? id : throw fields.Error(name, $"must be a token of the tokenizer; found '{token}'"));
    }

    private static void AddById(JsonFields fields, string name, TokenizerForm form, List<int> ids)
    {
        foreach (var id in fields.Integers(name))
            ids.Add(id < form.VocabularySize ? id : throw fields.Error(name, $"must be below {form.VocabularySize}, the number of tokens of the tokenizer; found {id}"));
    }
}
