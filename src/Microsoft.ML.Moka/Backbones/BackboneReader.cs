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
        if (new CheckpointWeights(checkpoint, config, new(BackboneQuantization.None)).HasOwnHead)
            config = config with { TiedHead = false };
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
            WeightFormat = config.LinearMaps.Select(map => FormatOf(checkpoint, map)).CountBy(format => format).MaxBy(count => count.Value).Key,
            WeightBytes = checkpoint.Names.Sum(name => (long)checkpoint[name].Data.Length),
        };
    }

    private static string FormatOf(Checkpoint checkpoint, MapShape map)
    {
        var name = TensorNames.Of(map);
        return QuantizedWeight.NameOfFormat(checkpoint, name) ?? checkpoint[name].Type;
    }
}
