using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Checkpoints.Hub;

/// <summary>Which files of a model on the hub are needed here: configuration, tokenizer, chat template, and the weights in safetensors or one GGUF.</summary>
internal static class HubModelFiles
{
    private const string Config = "config.json";

    private static readonly string[] Tokenizers = ["tokenizer.json", "tokenizer.model"];

    private static readonly string[] OtherWeights = [".bin", ".pt", ".pth", ".ckpt", ".msgpack", ".h5", ".onnx", ".safetensors"];

    private static readonly string[] Texts =
    [
        Config, "generation_config.json", .. Tokenizers, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
    ];

    /// <summary>The files of a repository that a model needs; the shards of an index are not among them.</summary>
    /// <param name="name">What the model is called.</param>
    /// <param name="paths">All files of the repository.</param>
    /// <exception cref="InvalidDataException">It holds no model in safetensors, or not the GGUF that is asked for; the message names the way out.</exception>
    public static IReadOnlyList<string> NeededOf(HubName name, IReadOnlyCollection<string> paths)
    {
        if (name.File is { } file)
        {
            var shards = GgufModel.ShardsOf(file).ToList();
            return shards.Find(shard => !paths.Contains(shard)) is { } missing
                ? throw new InvalidDataException($"'{name.Repository}' has no file '{missing}'.{Ggufs(name, paths)}")
                : shards;
        }
        // In the order in which they are read.
        string[] weights = [Checkpoint.SingleFile, Checkpoint.IndexFile];
        var weight = Array.Find(weights, paths.Contains) ?? throw new InvalidDataException(WithoutWeights(name, paths));
        if (!paths.Contains(Config))
            throw new InvalidDataException($"'{name.Repository}' has no '{Config}': it is no model in the form of transformers.");
        if (!Tokenizers.Any(paths.Contains))
            throw new InvalidDataException($"'{name.Repository}' has no tokenizer: it needs {string.Join(" or ", Tokenizers)}.");
        return [.. Texts.Where(paths.Contains), weight];
    }

    /// <summary>The shards that an index lists.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or names what is no file of the repository.</exception>
    public static IReadOnlyList<string> ShardsOf(string index) => JsonFields.Parse(File.ReadAllBytes(index), index, fields =>
    {
        var map = fields.Object("weight_map") ?? throw fields.Error("weight_map", "is missing");
        var shards = map.Names.Select(tensor => map.Text(tensor)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        if (shards.Find(shard => !HubName.IsPath(shard)) is { } wrong)
            throw fields.Error("weight_map", $"names '{wrong}', which is no file name");
        return shards;
    });

    /// <summary>A file that a model's folder lacks; null where it has all.</summary>
    public static string? MissingIn(string folder)
    {
        if (!Has(Config))
            return Config;
        if (!Tokenizers.Any(Has))
            return Tokenizers[0];
        if (Has(Checkpoint.SingleFile))
            return null;
        return Has(Checkpoint.IndexFile)
            ? ShardsOf(Path.Combine(folder, Checkpoint.IndexFile)).FirstOrDefault(shard => !Has(shard))
            : Checkpoint.SingleFile;

        bool Has(string name) => HubCache.HasFile(Path.Combine(folder, name));
    }

    private static string WithoutWeights(HubName name, IReadOnlyCollection<string> paths)
    {
        var ggufs = Ggufs(name, paths);
        var others = paths.Where(path => OtherWeights.Contains(Path.GetExtension(path))).Order(StringComparer.Ordinal).Take(5).ToList();
        return $"'{name.Repository}' holds neither '{Checkpoint.SingleFile}' nor '{Checkpoint.IndexFile}'" +
            (others.Count > 0 ? $", only {string.Join(", ", others)}" : "") + "." + (ggufs.Length > 0 ? ggufs
            : $" Ask its owner for safetensors, take another copy of the model, or convert it: load it with transformers and call save_pretrained(folder).");
    }

    private static string Ggufs(HubName name, IReadOnlyCollection<string> paths)
    {
        var ggufs = paths.Where(path => GgufFiles.IsGguf(path) && HubName.IsPath(path)).Order(StringComparer.Ordinal).ToList();
        return ggufs.Count == 0 ? "" : $" It has GGUF files; fetch one with 'moka pull {name.Repository} --file {ggufs[0]}'" +
            (ggufs.Count > 1 ? $" (others: {string.Join(", ", ggufs.Skip(1).Take(20))}{(ggufs.Count > 21 ? ", …" : "")})." : ".");
    }
}
