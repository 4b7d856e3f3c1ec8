using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>Reads what a backbone's files say of it.</summary>
internal static class BackboneReader
{
    public static BackboneDescription Read(BackboneFiles files, string fingerprint)
    {
        var config = LlamaConfigFile.Read(files);
        var tokenizer = BackboneTokenizer.Load(files);
        using var checkpoint = Checkpoint.Open(files);
        config = new CheckpointWeights(checkpoint, config, new(BackboneQuantization.None)).WithHead(config);
        return new BackboneDescription
        {
            Location = files.Location,
            Fingerprint = fingerprint,
            ParameterCount = config.ParameterCount,
            LayerCount = config.LayerCount,
            HiddenSize = config.HiddenSize,
            IntermediateSize = config.IntermediateSize,
            AttentionHeadCount = config.QueryHeads,
            KeyValueHeadCount = config.KeyValueHeads,
            HeadSize = config.HeadWidth,
            VocabularySize = config.VocabularySize,
            MaximumPositions = config.MaxPositions,
            RotaryBase = config.RotaryBase,
            RotaryScaling = config.RotaryScaling == RotaryScaling.None ? "none" : config.RotaryScaling.Name,
            HasTiedHead = config.TiedHead,
            Tokenizer = tokenizer.Kind,
            TokenizerVocabularySize = tokenizer.VocabularySize,
            WeightFormat = Commonest(config.LinearMaps.Select(map => FormatOf(checkpoint, map))),
            WeightBytes = checkpoint.Names.Sum(name => (long)checkpoint[name].Data.Length),
        };
    }

    /// <summary>The form in which most linear maps will be in memory, for messages: weights whose codes the engine reads stay as they are stored.</summary>
    public static string FormInMemory(BackboneFiles files, LlamaConfig config, BackboneQuantization quantization)
    {
        var wanted = quantization.ToString();
        var forms = StoredForms.Of(files);
        using var checkpoint = Checkpoint.Open(files);
        return Commonest(config.LinearMaps.Select(TensorNames.Of).Select(
            name => (forms?.Packed(name)?.Name ?? QuantizedWeight.NameOfFormat(checkpoint, name)) is { } stored
                && !stored.Equals(wanted, StringComparison.OrdinalIgnoreCase) ? $"{stored} as stored" : wanted));
    }

    private static string FormatOf(Checkpoint checkpoint, MapShape map)
    {
        var name = TensorNames.Of(map);
        return QuantizedWeight.NameOfFormat(checkpoint, name) ?? checkpoint[name].Type;
    }

    private static string Commonest(IEnumerable<string> formats) => formats.CountBy(format => format).MaxBy(count => count.Value).Key;
}
