using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Llama;
using Microsoft.ML.Moka.ModelFiles;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Interchange;

/// <summary>Folders in Hugging Face form with an adapter merged into the weights, and the way back. One weight at a time stands in full precision.</summary>
internal static class MergedFolder
{
    // What goes with a model and does not depend on its weights.
    private static readonly string[] Companions =
    [
        "generation_config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "added_tokens.json",
        "chat_template.json", "chat_template.jinja", "LICENSE", "LICENSE.txt", "NOTICE", "NOTICE.txt", "USE_POLICY.md",
    ];

    /// <summary>Writes the backbone with the adapter merged into it.</summary>
    /// <exception cref="ArgumentException">An option makes no sense, or the folder is the backbone's own.</exception>
    /// <exception cref="InvalidOperationException">The backbone's files were changed since it was loaded.</exception>
    public static void Write(string folder, BackboneSource source, TunedBackbone weights, MergeOptions options)
    {
        if (options.Quantization is not (BackboneQuantization.None or BackboneQuantization.NF4 or BackboneQuantization.FP4))
            throw new ArgumentException($"Quantization is {options.Quantization}; merged weights are written as None, NF4 or FP4, which others read too.", nameof(options));
        if (options.MaximumShardBytes < 1)
            throw new ArgumentException($"MaximumShardBytes is {options.MaximumShardBytes}; it must be above 0.", nameof(options));
        using var usage = weights.Use();
        using var checkpoint = source.OpenUnchanged(weights.Shared);
        var config = weights.Backbone.Config;
        var kept = options.KeepQuantizationErrors ? weights.Shared.Quantization : BackboneQuantization.None;
        var merged = new MergedWeights(new CheckpointWeights(checkpoint, config, new(kept)), weights.Backbone.Backend, weights.Adapters);
        var tensors = new MergedTensors(checkpoint, config, merged, weights.Adapters, options.Quantization);
        Write(folder, source.Files, tensors, options.Quantization, options.MaximumShardBytes);
    }

    /// <summary>Writes what a merged folder in full precision was before this adapter was merged into it.</summary>
    public static void Unmerge(string mergedFolder, string adapterFolder, string folder, long shardBytes)
    {
        var files = new FolderFiles(mergedFolder);
        var config = LlamaConfigFile.Read(files);
        using var checkpoint = Checkpoint.Open(files);
        using var stored = StoredAdapter.Open(adapterFolder, config.LinearMaps);
        using var backend = new CpuBackend();
        using var adapters = stored.Load(backend);
        foreach (var adapter in adapters.Adapters)
        {
            var name = TensorNames.Of(adapter.Plan.Map);
            if (QuantizedWeight.IsStored(checkpoint, name))
                throw new InvalidDataException(
                    $"'{files.Location}' has '{name}' quantized: the codes of a merged weight do not tell the original one. Un-merge a folder in full precision.");
        }
        var original = new MergedWeights(new CheckpointWeights(checkpoint, config, new(BackboneQuantization.None)), backend, adapters, unmerge: true);
        Write(folder, files, new MergedTensors(checkpoint, config, original, adapters, BackboneQuantization.None), BackboneQuantization.None, shardBytes);
    }

    private static void Write(string folder, BackboneFiles source, MergedTensors tensors, BackboneQuantization quantization, long shardBytes)
    {
        if (source is FolderFiles { Location: var location } && Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)) == Path.TrimEndingDirectorySeparator(location))
            throw new ArgumentException($"'{folder}' is the folder that the weights are read from: name another.", nameof(folder));
        var config = Config(source, tensors.Format, quantization);
        AtomicFolder.Write(folder, Belongs, target =>
        {
            foreach (var name in Companions.Where(source.Contains))
                WriteFile(target, name, source.ReadAll(name));
            WriteFile(target, LlamaConfigFile.Name, config);
            CheckpointWriter.Write(target, tensors.Groups(), shardBytes);
        });
    }

    private static void WriteFile(string folder, string name, byte[] content) =>
        AtomicFile.Write(Path.Combine(folder, name), stream => stream.Write(content));

    /// <summary>Whether a file may be replaced with the folder that it is in.</summary>
    private static bool Belongs(string name) =>
        name == LlamaConfigFile.Name || name == Checkpoint.IndexFile || name == Checkpoint.SingleFile || Companions.Contains(name)
        || (name.StartsWith("model-", StringComparison.Ordinal) && name.EndsWith(".safetensors", StringComparison.Ordinal));

    /// <summary>The backbone's own config.json, but for what it says of the weights' form.</summary>
    private static byte[] Config(BackboneFiles source, DenseFormat format, BackboneQuantization quantization)
    {
        var fields = JsonFields.Parse(source.ReadAll(LlamaConfigFile.Name), LlamaConfigFile.Name, found => found.Copy());
        // Newer files say "dtype".
        fields[fields.ContainsKey("dtype") ? "dtype" : "torch_dtype"] = format.PyTorchName();
        fields.Remove(QuantizationConfig.Field);
        if (quantization != BackboneQuantization.None)
            fields[QuantizationConfig.Field] = QuantizationConfig.Of(quantization, format);
        return IndentedJson.Write(fields);
    }
}
