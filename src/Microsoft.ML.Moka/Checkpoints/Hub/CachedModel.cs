using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Checkpoints.Hub;

/// <summary>Finds a model in the cache; nothing is fetched.</summary>
internal static class CachedModel
{
    /// <summary>The path that a backbone's path stands for: itself, or where it is a name on the hub, and no path, that of the model in the cache.</summary>
    /// <exception cref="FileNotFoundException">It is neither; the message says how to get the model.</exception>
    public static string Resolve(string path)
    {
        if (Path.Exists(AtomicFolder.Current(path)))
            return path;
        if (!HubName.TryParse(path, out var name))
            throw new FileNotFoundException(
                $"'{path}': there is no such folder, nor such a file. Give the folder of a LLaMA in Hugging Face form (config.json, safetensors, tokenizer), " +
                "a GGUF file, or the name of a model that 'moka pull OWNER/NAME' has fetched.", path);
        var cache = new HubCache(HubSettings.OfProcess().CacheFolder);
        return Find(name, cache, out var problem) ?? throw new FileNotFoundException($"'{path}': there is no such folder, and {problem}", path);
    }

    /// <summary>The folder of a model, or the file of its GGUF; null where it is not there, or only a part of it.</summary>
    /// <param name="name">What it is called.</param>
    /// <param name="cache">Where to look.</param>
    /// <param name="problem">Why it is not found, and what to do.</param>
    public static string? Find(HubName name, HubCache cache, out string problem)
    {
        problem = $"the Hugging Face cache '{cache.Root}' has no model of this name. 'moka pull {name}' fetches it.";
        if (cache.CommitOf(name.Repository, name.RevisionOrDefault) is not { } commit)
            return null;
        var folder = cache.SnapshotOf(name.Repository, commit);
        if (!Directory.Exists(folder))
            return null;
        if (name.File is { } file)
        {
            var path = Path.Combine([folder, .. file.Split('/')]);
            if (GgufModel.ShardsOf(path).All(HubCache.HasFile))
                return path;
            problem = $"the Hugging Face cache '{cache.Root}' has this model without the file '{file}'. 'moka pull {name}' fetches it.";
            return null;
        }
        if (HubModelFiles.MissingIn(folder) is not { } missing)
            return folder;
        var ggufs = Directory.GetFiles(folder, $"*{GgufFiles.Extension}", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(folder, path).Replace('\\', '/')).Order(StringComparer.Ordinal).ToList();
        problem = ggufs.Count > 0
            ? $"the Hugging Face cache has GGUF files of this model: name one, as in '{name}/{ggufs[0]}'."
            : $"the Hugging Face cache '{cache.Root}' has only a part of this model, without '{missing}'. 'moka pull {name}' fetches the rest.";
        return null;
    }

    /// <summary>The name of the model that a path inside of some cache belongs to, with its commit; null for other paths.</summary>
    public static HubName? NameOf(string path)
    {
        var parts = path.Replace('\\', '/').TrimEnd('/').Split('/');
        var at = Array.FindIndex(parts, part => part.StartsWith("models--", StringComparison.Ordinal));
        if (at < 0 || parts.Length < at + 3 || parts[at + 1] != "snapshots")
            return null;
        var file = string.Join('/', parts[(at + 3)..]);
        var repository = parts[at]["models--".Length..].Replace("--", "/", StringComparison.Ordinal);
        return HubName.TryParse($"{repository}@{parts[at + 2]}{(file.Length > 0 ? $"/{file}" : "")}", out var name) ? name : null;
    }
}
