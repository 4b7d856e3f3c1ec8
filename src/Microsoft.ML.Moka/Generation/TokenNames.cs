using System.Runtime.CompilerServices;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Generation;

/// <summary>The names of a tokenizer's special tokens by what they are for: <c>bos_token</c>, <c>eos_token</c> and so on, as templates ask for them.</summary>
internal sealed class TokenNames
{
    private const string BeginRole = "bos_token";
    private const string EndRole = "eos_token";

    private static readonly string[] Roles = [BeginRole, EndRole, "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"];
    private static readonly string[] ConfigFiles = ["tokenizer_config.json", "special_tokens_map.json"];

    // What the tokens are called where no file says so.
    private static readonly string[] Usual = ["<s>", "</s>", "<|begin_of_text|>", "<|end_of_text|>", "<|endoftext|>", "<bos>", "<eos>", "<|im_end|>"];

    private static readonly ConditionalWeakTable<BackboneTokenizer, TokenNames> Known = [];

    private readonly List<(string Name, int Id)> _tokens = [];

    private TokenNames(BackboneTokenizer tokenizer, Dictionary<string, string> byRole)
    {
        ByRole = byRole;
        foreach (var name in byRole.Values.Distinct().Where(name => name.Length > 0).OrderByDescending(name => name.Length))
        {
            if (tokenizer.TryGetId(name, out var id))
                _tokens.Add((name, id));
        }
    }

    public IReadOnlyDictionary<string, string> ByRole { get; }

    /// <summary>The name of the token that a sequence begins with; empty where there is none.</summary>
    public string Begin => ByRole.GetValueOrDefault(BeginRole, "");

    /// <summary>The names that a tokenizer's files have; they are read once.</summary>
    public static TokenNames Of(BackboneTokenizer tokenizer) => Known.GetValue(tokenizer, Read);

    private static TokenNames Read(BackboneTokenizer tokenizer)
    {
        var byRole = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in ConfigFiles)
        {
            if (tokenizer.Files.TryGetValue(file, out var content))
                JsonFields.Parse(content, file, fields => Add(fields, byRole));
        }
        AddUsual(BeginRole, tokenizer.BeginOfSequence);
        AddUsual(EndRole, tokenizer.EndOfSequence);
        return new TokenNames(tokenizer, byRole);

        void AddUsual(string role, int? id)
        {
            if (!byRole.ContainsKey(role) && Usual.FirstOrDefault(name => tokenizer.TryGetId(name, out var known) && known == id) is { } found)
                byRole.Add(role, found);
        }
    }

    /// <summary>Adds text of a template; where it says one of these names, the token.</summary>
    public MarkedText AddTemplate(string text, MarkedText to)
    {
        var start = 0;
        for (var i = 0; i < text.Length; i++)
        {
            foreach (var (name, id) in _tokens)
            {
                if (string.CompareOrdinal(text, i, name, 0, name.Length) != 0)
                    continue;
                to.Template(text[start..i]).Token(id, name);
                start = i + name.Length;
                i = start - 1;
                break;
            }
        }
        return to.Template(text[start..]);
    }

    private static bool Add(JsonFields fields, Dictionary<string, string> byRole)
    {
        foreach (var role in Roles)
        {
            if (fields.Has(role) && !byRole.ContainsKey(role))
                byRole.Add(role, fields.IsObject(role) ? fields.Object(role)!.Text("content") : fields.Text(role));
        }
        return true;
    }
}
