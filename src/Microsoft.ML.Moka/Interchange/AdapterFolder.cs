using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Interchange;

/// <summary>Writes an adapter as the two files that PEFT, and <see cref="StoredAdapter"/>, read.</summary>
internal static class AdapterFolder
{
    private static readonly string[] Names = [StoredAdapter.WeightsName, AdapterConfigFile.Name];

    /// <summary>Writes them into a folder, which is made if it is not there; other files in it stay.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="backbone">Where the backbone's files are.</param>
    /// <param name="weights">The adapters.</param>
    /// <param name="format">The method that they are written as.</param>
    /// <exception cref="InvalidOperationException">The update cannot be written as that method.</exception>
    public static void Write(string folder, BackboneSource backbone, TunedBackbone weights, AdapterFileFormat format)
    {
        var files = Files(backbone, weights, format);
        Directory.CreateDirectory(folder);
        AtomicFile.Write([.. Names.Select(name => (Path.Combine(folder, name), (Action<Stream>)(stream => stream.Write(files[name]))))]);
    }

    /// <summary>Ends a save into the folder that was killed between its two files.</summary>
    public static void FinishSave(string folder) => AtomicFile.Finish([.. Names.Select(name => Path.Combine(folder, name))]);

    /// <summary>The adapter in a folder, with a share in the same backbone: what another model is made of.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="weights">The model that there is.</param>
    /// <param name="head">The head that the other model scores by; null where it answers with words.</param>
    public static (SharedBackbone Backbone, AdapterSet Adapters) Open(string folder, TunedBackbone weights, ScoreHeadRule? head)
    {
        using var usage = weights.Use();
        using var stored = StoredAdapter.Open(folder, weights.Backbone.Config.LinearMaps, weights.Backbone.Config.Shape);
        ScoreHeads.RequireSame(head, stored.Options.Head, $"The adapter in '{folder}'");
        var adapters = stored.Load(weights.Backbone.Backend);
        return (weights.Shared.Share(), adapters);
    }

    /// <summary>The content of the two files by name.</summary>
    public static Dictionary<string, byte[]> Files(BackboneSource backbone, TunedBackbone weights, AdapterFileFormat format = AdapterFileFormat.AsTrained)
    {
        using var usage = weights.Use();
        var (options, tensors) = AdapterConversion.Convert(format, weights.Backbone.Backend, weights.Adapters);
        var folder = backbone.Kind == BackboneKind.Folder ? backbone.Files.Location : null;
        return new(StringComparer.Ordinal)
        {
            [StoredAdapter.WeightsName] = SafetensorsWriter.ToBytes(tensors, CheckpointWriter.Metadata),
            [AdapterConfigFile.Name] = AdapterConfigFile.Write(options, [.. weights.Backbone.Config.LinearMaps], folder),
        };
    }
}
