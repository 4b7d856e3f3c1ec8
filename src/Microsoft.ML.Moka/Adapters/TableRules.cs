using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>What a configuration of PEFT's, and the tensors beside it, say of embedding and head.</summary>
internal sealed class TableRules
{
    private const string Saved = "modules_to_save";
    private const string Tokens = "trainable_token_indices";
    private const string Tying = "ensure_weight_tying";

    private readonly JsonFields _fields;
    private readonly SafetensorsFile _tensors;
    private readonly AdapterOptions _options;
    private readonly BackboneShape _shape;

    private TableRules(JsonFields fields, SafetensorsFile tensors, AdapterOptions options, BackboneShape shape)
    {
        _fields = fields;
        _tensors = tensors;
        _options = options;
        _shape = shape;
    }

    /// <exception cref="InvalidDataException">The fields ask for what is not supported, or make no sense.</exception>
    public static IReadOnlyList<TableRule> Read(JsonFields fields, SafetensorsFile tensors, AdapterOptions options, BackboneShape shape)
    {
        var reader = new TableRules(fields, tensors, options, shape);
        List<TableRule> rules = [.. Enum.GetValues<TokenTable>().Select(reader.Read).OfType<TableRule>()];
        reader.RequireKnownModules();
        if (rules.Count > 0 && shape.TiedHead && fields.Boolean(Tying, false))
            throw fields.Error(Tying, "is true, and the backbone's head is tied: adapters that PEFT ties to each other are not supported");
        reader.RequireOneVocabulary(rules);
        return rules;
    }

    /// <summary>The fields that the rules come from.</summary>
    public static void Write(IReadOnlyList<TableRule> rules, ScoreHeadRule? head, SortedDictionary<string, object?> fields)
    {
        List<string> saved = [.. rules.Where(rule => rule.Change == TableChange.Trained).Select(rule => rule.Map.Module)];
        if (head is not null)
            saved.Add(ScoreHeadRule.Module);
        fields[Saved] = saved.Count > 0 ? saved : null;
        var tokens = new SortedDictionary<string, object?>(StringComparer.Ordinal);
        foreach (var rule in rules.Where(rule => rule.Change == TableChange.TrainedRows))
            tokens.Add(rule.Map.Module, rule.Tokens);
        // PEFT takes a list for the embedding's.
        if (tokens.Count > 0)
            fields[Tokens] = tokens is { Count: 1 } && tokens.TryGetValue("embed_tokens", out var ofEmbedding) ? ofEmbedding : tokens;
    }

    private TableRule? Read(TokenTable table)
    {
        var module = TableRule.ModuleOf(table);
        var isSaved = _fields.Texts(Saved).Any(name => TargetMaps.Matches(module, name));
        var tokens = TokensOf(module);
        var isTargeted = AdapterTargets.Includes(_fields, _tensors, module);
        if ((isSaved ? 1 : 0) + (tokens.Count > 0 ? 1 : 0) + (isTargeted ? 1 : 0) > 1)
            throw _fields.Error(isSaved ? Saved : Tokens, $"names {module}, which another field names too: one change to a table is supported");
        var rule = new TableRule(table, TableChange.Replaced, _shape.Rows, _shape.Columns);
        if (isTargeted)
            return LowRank(rule with { Change = TableChange.LowRank });
        if (tokens.Count > 0)
            return WithBase(rule with { Change = TableChange.TrainedRows, Tokens = tokens });
        if (Rows(rule.WholeName) is { } rows)
            return rule with { Change = isSaved ? TableChange.Trained : TableChange.Replaced, Rows = rows };
        return isSaved ? throw _fields.Error(Saved, $"names {module}, and {_tensors.Name} has no '{AdapterTensors.NameOf(rule.WholeName)}'") : null;
    }

    private TableRule LowRank(TableRule rule)
    {
        (int Rank, float Scale) size;
        try
        {
            size = _options.OnTable(rule.Map)
                ?? throw _fields.Error("target_modules", $"names {rule.Module}: on embedding and head only plain LoRA is supported");
        }
        catch (ArgumentException e)
        {
            throw _fields.Error("target_modules", $"names {rule.Module}, which the adapter does not fit. {e.Message.TrimEnd('.')}");
        }
        if (_fields.Boolean("lora_bias", false))
            throw _fields.Error("lora_bias", $"is true, and LoRA is on {rule.Module}: a bias there is not supported");
        return WithBase(rule with { Rank = size.Rank, Scale = size.Scale });
    }

    private TableRule WithBase(TableRule rule) => Rows(rule.BaseName) is { } rows ? rule with { HasBase = true, Rows = rows } : rule;

    private int? Rows(string name)
    {
        if (!_tensors.Contains(AdapterTensors.NameOf(name)))
            return null;
        var tensor = _tensors[AdapterTensors.NameOf(name)];
        return tensor.Shape is [var rows and > 0, var columns] && columns == _shape.Columns
            ? rows
            : throw tensor.Invalid($"has the shape {tensor.ShapeText}, where the backbone asks for rows of {_shape.Columns}");
    }

    private IReadOnlyList<int> TokensOf(string module)
    {
        if (!_fields.IsSet(Tokens))
            return [];
        // A list alone means the embedding.
        var named = _fields.IsObject(Tokens) ? _fields.Object(Tokens)! : null;
        var tokens = named is null
            ? module == TableRule.EmbeddingModule ? _fields.Integers(Tokens) : []
            : named.Names.Where(name => TargetMaps.Matches(module, name)).SelectMany(named.Integers).ToList();
        if (tokens.Distinct().Count() != tokens.Count)
            throw _fields.Error(Tokens, "names a token twice");
        return tokens;
    }

    private void RequireKnownModules()
    {
        IEnumerable<(string, string)> named =
        [
            .. _fields.Texts(Saved).Select(name => (Saved, name)),
            .. _fields.IsObject(Tokens) ? _fields.Object(Tokens)!.Names.Select(name => (Tokens, name)) : [],
        ];
        foreach (var (field, name) in named)
        {
            if (!TargetMaps.Matches(TableRule.EmbeddingModule, name) && !TargetMaps.Matches(TableRule.HeadModule, name)
                && !(field == Saved && ScoreHeads.Includes(name, _options.Head)))
                throw _fields.Error(
                    field, $"names '{name}'; beside the adapter only embed_tokens, lm_head and score may be trained: train the adapter without it");
        }
    }

    private void RequireOneVocabulary(List<TableRule> rules)
    {
        var embedding = rules.Find(rule => rule.Table == TokenTable.Embedding);
        var head = rules.Find(rule => rule.Table == TokenTable.Head);
        var rows = embedding?.Rows ?? _shape.Rows;
        var isTied = _shape.TiedHead && head is null && embedding is { IsSharedByTiedHead: true } or { HasBase: true };
        var headRows = head?.Rows ?? (isTied ? rows : _shape.Rows);
        if (rows != headRows)
            throw new InvalidDataException(
                $"{_tensors.Name}: the embedding has {rows} rows and the head {headRows}. Save the adapter with both: PEFT's save_embedding_layers=True.");
        foreach (var rule in rules)
        {
            if (rule.Tokens.FirstOrDefault(token => token >= rule.Rows, -1) is var token and >= 0)
                throw _fields.Error(Tokens, $"names the token {token}; {rule.Module} has {rule.Rows}");
        }
    }
}
