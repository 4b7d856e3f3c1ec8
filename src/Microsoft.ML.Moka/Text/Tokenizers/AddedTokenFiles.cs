using System.Globalization;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Text.Tokenizers;

/// <summary>
/// The tokens that stand beside a vocabulary in files of their own: a <c>tokenizer.json</c> beside a <c>tokenizer.model</c>, <c>added_tokens.json</c>, and
/// <c>added_tokens_decoder</c> in <c>tokenizer_config.json</c>, which tells the most and wins.
/// </summary>
internal static class AddedTokenFiles
{
    public const string Names = "added_tokens.json";
    public const string Vocabulary = "tokenizer.json";
    private const string Config = "tokenizer_config.json";
    private const string SpecialNames = "special_tokens_map.json";
    private const int MaxId = 1 << 24;

    private static readonly string[] SpecialRoles = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];
    private static readonly string[] SpecialLists = ["additional_special_tokens", "extra_special_tokens"];

    /// <param name="files">The files that are there, by name.</param>
    /// <param name="location">Where they lie, for errors.</param>
    /// <exception cref="InvalidDataException">A file is damaged, or gives a token another id than the one before.</exception>
    public static List<AddedToken> Read(IReadOnlyDictionary<string, byte[]> files, string location)
    {
        var tokens = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        var names = new Dictionary<int, string>();
        Parse(Vocabulary, fields =>
        {
            foreach (var token in TokenizerJson.ReadAddedTokens(fields))
                Add(token, fields);
        });
        var special = new HashSet<string>(StringComparer.Ordinal);
        Parse(SpecialNames, fields => AddSpecialNames(fields, special));
        Parse(Config, fields => AddSpecialNames(fields, special));
        Parse(Names, fields =>
        {
            foreach (var name in fields.Names)
            {
                var isSpecial = special.Contains(name);
                if (name.Length > 0)
                    Add(new AddedToken(name, fields.Integer(name, 0, MaxId)) { IsSpecial = isSpecial, IsNormalized = !isSpecial }, fields);
            }
        });
        Parse(Config, fields =>
        {
            if (fields.Object("added_tokens_decoder") is not { } table)
                return;
            foreach (var key in table.Names)
            {
                if (!int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var id) || id > MaxId)
                    throw table.Error(key, $"must have an id from 0 to {MaxId} as its name");
                Add(TokenizerJson.ReadAddedToken(table.Object(key) ?? throw table.Error(key, "must be an object"), id), table);
            }
        });
        return [.. tokens.Values];

        void Add(AddedToken token, JsonFields fields)
        {
            if (names.TryGetValue(token.Id, out var name) && name != token.Content)
                throw fields.Error(token.Content, $"has the id {token.Id}, which is that of '{name}' already");
            if (tokens.TryGetValue(token.Content, out var earlier) && earlier.Id != token.Id)
                throw fields.Error(token.Content, $"has the id {token.Id}, and {earlier.Id} in another file");
            names[token.Id] = token.Content;
            tokens[token.Content] = token;
        }

        void Parse(string name, Action<JsonFields> read)
        {
            if (files.TryGetValue(name, out var content))
                JsonFields.Parse(content, Path.Combine(location, name), fields => { read(fields); return true; });
        }
    }

    private static void AddSpecialNames(JsonFields fields, HashSet<string> names)
    {
        foreach (var role in SpecialRoles)
        {
            if (fields.IsText(role))
                names.Add(fields.Text(role));
            else if (fields.IsObject(role) && fields.Object(role)!.Text("content", missing: "") is { Length: > 0 } content)
                names.Add(content);
        }
        foreach (var name in SpecialLists.SelectMany(list => Contents(fields, list)))
            names.Add(name);
    }

    // Lists of texts, of objects with a "content", or a table of roles and texts.
    private static IEnumerable<string> Contents(JsonFields fields, string list)
    {
        if (fields.IsObject(list))
            return fields.Object(list)!.Names.Where(fields.Object(list)!.IsText).Select(role => fields.Object(list)!.Text(role));
        return fields.HoldsObjects(list) ? fields.Objects(list).Select(item => item.Text("content")) : fields.Texts(list);
    }
}
