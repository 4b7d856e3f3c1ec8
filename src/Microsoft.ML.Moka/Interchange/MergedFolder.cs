using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Interchange;

/// <summary>Folders in Hugging Face form with an adapter merged into the weights, and the way back. One weight at a time stands in full precision.</summary>
internal static class MergedFolder
{
    // What goes with a model and does not depend on its weights.
    private static readonly string[] OfTokenizer =
    [
        "special_tokens_map.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "added_tokens.json", "chat_template.json",
        "chat_template.jinja",
    ];

    private static readonly string[] Companions =
        [.. OfTokenizer, "generation_config.json", "LICENSE", "LICENSE.txt", "NOTICE", "NOTICE.txt", "USE_POLICY.md"];

    /// <summary>Writes the backbone of a model with its adapter merged into it.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="source">Where the backbone's files are.</param>
    /// <param name="weights">The model's weights.</param>
    /// <param name="labels">What the outputs of its head stand for, where it has one.</param>
    /// <param name="options">The form of the weights.</param>
    /// <exception cref="ArgumentException">An option makes no sense, or the folder is the backbone's own.</exception>
    /// <exception cref="InvalidOperationException">The backbone's files were changed since it was loaded.</exception>
    public static void Write(string folder, BackboneSource source, TunedBackbone weights, IReadOnlyList<string>? labels, MergeOptions options)
    {
        Check(options);
        using var usage = weights.Use();
        using var checkpoint = source.OpenUnchanged(weights.Shared);
        var config = weights.Backbone.Config;
        var kept = options.KeepQuantizationErrors ? weights.Shared.Quantization : BackboneQuantization.None;
        var frozen = new CheckpointWeights(checkpoint, config, new(kept));
        Merge(folder, source.Files, checkpoint, config, frozen, weights.Backbone.Backend, weights.Adapters, options, labels);
    }

    /// <summary>
    /// Writes a backbone with an adapter merged into it, neither of which is in memory; without an adapter, only the form of the weights changes.
    /// </summary>
    public static void WriteOf(BackboneSource source, string? adapterFolder, string folder, MergeOptions options)
    {
        Check(options);
        if (options.KeepQuantizationErrors)
            throw new ArgumentException(
                "KeepQuantizationErrors needs a model that knows how its backbone was quantized in training; folders do not say it. " +
                "Use SaveMerged of the model.", nameof(options));
        var config = LlamaConfigFile.Read(source.Files);
        using var checkpoint = Checkpoint.Open(source.Files);
        var weights = new CheckpointWeights(checkpoint, config, new(BackboneQuantization.None));
        config = weights.WithHead(config);
        using var stored = adapterFolder is null ? null : StoredAdapter.Open(adapterFolder, config.LinearMaps, config.Shape);
        using var backend = new CpuBackend();
        using var adapters = stored?.Load(backend);
        if (adapters is not null)
            Merge(folder, source.Files, checkpoint, config, weights, backend, adapters, options, adapterFiles: new FolderFiles(adapterFolder!));
        else
            Write(folder, source.Files, new MergedTensors(checkpoint, config, weights, [], options.Quantization), options, config, config);
    }

    /// <summary>Writes what a merged folder in full precision was before this adapter was merged into it.</summary>
    public static void Unmerge(string mergedFolder, string adapterFolder, string folder)
    {
        var files = new FolderFiles(mergedFolder);
        var config = LlamaConfigFile.Read(files);
        using var checkpoint = Checkpoint.Open(files);
        using var stored = StoredAdapter.Open(adapterFolder, config.LinearMaps, config.Shape);
        using var backend = new CpuBackend();
        using var adapters = stored.Load(backend);
        if (adapters.Head is not null || adapters.Tables.Count > 0 || adapters.Biases.Count > 0 || adapters.Adapters.Any(adapter => adapter.Bias is not null))
            throw new InvalidOperationException(
                "The adapter changes embedding, head or biases, and merged ones do not tell what they were before: take the original backbone.");
        foreach (var name in NamesOf(adapters))
        {
            if (QuantizedWeight.IsStored(checkpoint, name))
                throw new InvalidDataException(
                    $"'{files.Location}' has '{name}' quantized: the codes of a merged weight do not tell the original one. " +
                    "Un-merge a folder in full precision.");
        }
        var original = new MergedWeights(new CheckpointWeights(checkpoint, config, new(BackboneQuantization.None)), backend, adapters, unmerge: true);
        Write(folder, files, new MergedTensors(checkpoint, config, original, NamesOf(adapters), BackboneQuantization.None), new MergeOptions(), config, config);
    }

    private static void Merge(
        string folder, BackboneFiles source, Checkpoint checkpoint, LlamaConfig config, WeightSource weights, Backend backend, AdapterSet adapters,
        MergeOptions options, IReadOnlyList<string>? labels = null, BackboneFiles? adapterFiles = null)
    {
        var head = MergedHead.Of(backend, adapters, labels);
        var tables = new MergedTables(weights, backend, adapters, config);
        var biases = new MergedBiases(weights, backend, adapters, config);
        var after = biases.Config with { VocabularySize = tables.Rows ?? config.VocabularySize, TiedHead = config.TiedHead && !tables.IsUntied };
        var tensors = new MergedTensors(
            checkpoint, config, new MergedWeights(weights, backend, adapters), NamesOf(adapters), options.Quantization, tables, biases.Values, head);
        // Whoever enlarges a vocabulary saves the tokenizer with it.
        var isOther = after.VocabularySize != config.VocabularySize && adapterFiles is not null && OfTokenizer.Any(adapterFiles.Contains);
        Write(folder, source, tensors, options, config, after, isOther ? adapterFiles : source, head);
    }

    private static void Check(MergeOptions options)
    {
        if (options.Quantization != BackboneQuantization.None && WeightFormats.Find(options.Quantization) is not { IsBitsAndBytes: true })
            throw new ArgumentException(
                $"Quantization is {options.Quantization}; merged weights are written as None, NF4 or FP4, which others read too.", nameof(options));
        if (options.MaximumShardBytes < 1)
            throw new ArgumentException($"MaximumShardBytes is {options.MaximumShardBytes}; it must be above 0.", nameof(options));
    }

    private static IEnumerable<string> NamesOf(AdapterSet adapters) => adapters.Adapters.Select(adapter => TensorNames.Of(adapter.Plan.Map));

    private static void Write(
        string folder, BackboneFiles source, MergedTensors tensors, MergeOptions options, LlamaConfig before, LlamaConfig after,
        BackboneFiles? tokenizer = null, MergedHead? head = null)
    {
        if (source is FolderFiles { Location: var location }
            && Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)) == Path.TrimEndingDirectorySeparator(location))
            throw new ArgumentException($"'{folder}' is the folder that the weights are read from: name another.", nameof(folder));
        var config = Config(source, tensors.Format, options.Quantization, before, after, head);
        AtomicFolder.Write(folder, Belongs, target =>
        {
            foreach (var name in Companions)
            {
                var from = OfTokenizer.Contains(name) ? tokenizer ?? source : source;
                if (from.Contains(name))
                    NewFile.Write(Path.Combine(target, name), from.ReadAll(name));
            }
            NewFile.Write(Path.Combine(target, LlamaConfigFile.Name), config);
            CheckpointWriter.Write(target, Watched([.. tensors.Groups()], options), options.MaximumShardBytes);
        }, options.CancellationToken);
    }

    /// <summary>The same tensors, between any two of which the work can be cancelled, and after each of which it tells how far it is.</summary>
    private static IEnumerable<TensorGroup> Watched(IReadOnlyList<TensorGroup> groups, MergeOptions options)
    {
        var all = groups.Sum(group => (double)group.ByteCount);
        var done = 0L;
        return groups.Select(group => group with { Make = () => Make(group) });

        IEnumerable<SafetensorsTensor> Make(TensorGroup group)
        {
            options.CancellationToken.ThrowIfCancellationRequested();
            foreach (var tensor in group.Make())
                yield return tensor;
            options.Progress?.Invoke((done += group.ByteCount) / all);
        }
    }

    /// <summary>Whether a file may be replaced with the folder that it is in.</summary>
    private static bool Belongs(string name) =>
        name == LlamaConfigFile.Name || name == Checkpoint.IndexFile || name == Checkpoint.SingleFile || Companions.Contains(name)
        || (name.StartsWith("model-", StringComparison.Ordinal) && name.EndsWith(".safetensors", StringComparison.Ordinal));

    /// <summary>The backbone's own config.json, but for what it says of the weights' form, and of what the adapter changed beside linear maps.</summary>
    private static byte[] Config(
        BackboneFiles source, DenseFormat format, BackboneQuantization quantization, LlamaConfig before, LlamaConfig after, MergedHead? head)
    {
        var fields = JsonFields.Parse(source.ReadAll(LlamaConfigFile.Name), LlamaConfigFile.Name, found => found.Copy());
        // Newer files say "dtype".
        fields[fields.ContainsKey("dtype") ? "dtype" : "torch_dtype"] = format.PyTorchName();
        fields.Remove(QuantizationConfig.Field);
        if (after.VocabularySize != before.VocabularySize)
            fields["vocab_size"] = after.VocabularySize;
        // Also where the backbone's own file is wrong about its head: not all programs look at the tensors.
        if (LlamaConfigFile.Read(source).TiedHead && !after.TiedHead)
            fields["tie_word_embeddings"] = false;
        foreach (var (name, value) in MergedBiases.Fields(before, after))
            fields[name] = value;
        if (WeightFormats.Find(quantization) is { } weights)
            fields[QuantizationConfig.Field] = QuantizationConfig.Of(weights, format, head is null ? null : [ScoreHeadRule.Module]);
        head?.Write(fields, before.Architecture.ClassName);
        return IndentedJson.Write(fields);
    }
}
