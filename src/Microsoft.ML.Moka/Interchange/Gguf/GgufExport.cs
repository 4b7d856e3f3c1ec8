using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Interchange.Gguf;

/// <summary>Writes a backbone, with or without an adapter merged into it, as one GGUF file. One weight at a time is in memory.</summary>
internal static class GgufExport
{
    // llama.cpp's number for "blocks as they have been since May 2023".
    private const int QuantizationVersion = 2;

    /// <summary>The backbone of a model with its adapter merged into it.</summary>
    /// <exception cref="ArgumentException">The path cannot be that of the file.</exception>
    /// <exception cref="InvalidOperationException">The backbone's files were changed since it was loaded, or llama.cpp has no such model.</exception>
    public static void Write(string path, BackboneSource source, TunedBackbone weights, GgufOptions options)
    {
        CheckPath(path, source.Files);
        using var usage = weights.Use();
        RefuseHead(weights.Adapters.Options);
        using var checkpoint = source.OpenUnchanged(weights.Shared);
        var config = weights.Backbone.Config;
        var kept = options.KeepQuantizationErrors ? weights.Shared.Quantization : BackboneQuantization.None;
        var merged = new AdaptedWeights(new CheckpointWeights(checkpoint, config, new(kept)), weights.Backbone.Backend, weights.Adapters, config);
        Write(path, merged.Config, BackboneTokenizer.Load(source.Files), merged, options);
    }

    /// <summary>A backbone that is not in memory, as it is or with the adapter of a folder merged into it.</summary>
    public static void WriteOf(BackboneSource source, string? adapterFolder, string path, GgufOptions options)
    {
        CheckPath(path, source.Files);
        if (options.KeepQuantizationErrors)
            throw new ArgumentException(
                "KeepQuantizationErrors needs a model that knows how its backbone was quantized in training; folders do not say it. " +
                "Use SaveGguf of the model.", nameof(options));
        var config = LlamaConfigFile.Read(source.Files);
        using var checkpoint = Checkpoint.Open(source.Files);
        var weights = new CheckpointWeights(checkpoint, config, new(BackboneQuantization.None));
        config = weights.WithHead(config);
        using var stored = adapterFolder is null ? null : StoredAdapter.Open(adapterFolder, config.LinearMaps, config.Shape);
        if (stored is not null)
            RefuseHead(stored.Options);
        using var backend = new CpuBackend();
        using var adapters = stored?.Load(backend);
        if (adapters is null)
        {
            Write(path, config, BackboneTokenizer.Load(source.Files), weights, options);
            return;
        }
        var merged = new AdaptedWeights(weights, backend, adapters, config);
        // Whoever enlarges a vocabulary saves the tokenizer with it.
        var beside = new FolderFiles(adapterFolder!);
        var isOther = merged.Config.VocabularySize != config.VocabularySize
            && (beside.Contains(BackboneTokenizer.SentencePieceOrTiktoken) || beside.Contains("tokenizer.json"));
        Write(path, merged.Config, BackboneTokenizer.Load(isOther ? beside : source.Files), merged, options);
    }

    /// <param name="path">The file.</param>
    /// <param name="config">The backbone's shape.</param>
    /// <param name="tokenizer">Its tokenizer; null for a file without a vocabulary.</param>
    /// <param name="weights">Its weights.</param>
    /// <param name="options">The form of the file.</param>
    public static void Write(string path, LlamaConfig config, BackboneTokenizer? tokenizer, WeightSource weights, GgufOptions options)
    {
        var architecture = ConfigMetadata.ArchitectureOf(config);
        using var metadata = new GgufMetadataWriter();
        metadata.Text(GgufArchitecture.Key, architecture.Name);
        metadata.Text("general.type", "model");
        metadata.Text("general.name", options.Name ?? Path.GetFileNameWithoutExtension(path));
        metadata.Integer("general.file_type", FileType(options.Format));
        metadata.Integer("general.quantization_version", QuantizationVersion);
        ConfigMetadata.Add(metadata, config, architecture);
        if (tokenizer is null)
            metadata.Text(GgufVocabulary.ModelKey, "none");
        else
            TokenizerMetadata.Add(metadata, tokenizer, config.VocabularySize, options.PreTokenizer);
        GgufOutputTensor[] tensors = [.. new GgufTensors(config, architecture, weights, options.Format).All()];
        if (options.WithModelfile && tokenizer is not null)
            AtomicFile.Write(path, WriteModel, Modelfile.PathOf(path), Modelfile.Write(path, tokenizer, null));
        else
            AtomicFile.Write(path, WriteModel);

        void WriteModel(Stream stream) => GgufWriter.Write(stream, metadata, tensors, Watch);

        void Watch(long done, long all)
        {
            options.CancellationToken.ThrowIfCancellationRequested();
            options.Progress?.Invoke((double)done / all);
        }
    }

    /// <summary>A GGUF is known by its extension, and must not replace what it is made of.</summary>
    public static void CheckPath(string path, BackboneFiles source)
    {
        if (!GgufFiles.IsGguf(path))
            throw new ArgumentException($"'{path}' does not end in .gguf, by which programs know such files.", nameof(path));
        if (GgufModel.IsShard(path))
            throw new ArgumentException($"'{path}' is the name of one of several shards, and a model is written as one file: name it otherwise.", nameof(path));
        if (source is GgufFiles && Path.GetFullPath(path) == source.Location)
            throw new ArgumentException($"'{path}' is the file that the weights are read from: name another.", nameof(path));
    }

    /// <exception cref="InvalidOperationException">The adapter has a head beside it.</exception>
    public static void RefuseHead(AdapterOptions options)
    {
        if (options.Head is not null)
            throw new InvalidOperationException(
                "The model scores by a head (score.weight), which llama.cpp's models of this architecture have not: it would be left out. For other programs, "
                + "write the model in Hugging Face form (SaveMerged, moka merge).");
    }

    // As llama.cpp counts them; it shows the name, and goes by each tensor's own type.
    private static int FileType(GgufFormat format) => format switch
    {
        GgufFormat.F32 => 0,
        GgufFormat.F16 => 1,
        GgufFormat.Q4_0 => 2,
        GgufFormat.Q8_0 => 7,
        GgufFormat.BF16 => 32,
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "No such format."),
    };
}
