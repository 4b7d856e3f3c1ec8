using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Llama;
using Microsoft.ML.Moka.ModelFiles;

namespace Microsoft.ML.Moka.Interchange;

/// <summary>Writes an adapter as the two files that PEFT, and <see cref="StoredAdapter"/>, read.</summary>
internal static class AdapterFolder
{
    /// <summary>Writes them into a folder, which is made if it is not there; other files in it stay.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="backbone">Where the backbone's files are.</param>
    /// <param name="weights">The adapters.</param>
    public static void Write(string folder, BackboneSource backbone, TunedBackbone weights)
    {
        var files = Files(backbone, weights);
        Directory.CreateDirectory(folder);
        AtomicFile.Write([.. files.Select(file => (Path.Combine(folder, file.Key), (Action<Stream>)(stream => stream.Write(file.Value))))]);
    }

    /// <summary>The content of the two files by name.</summary>
    public static Dictionary<string, byte[]> Files(BackboneSource backbone, TunedBackbone weights)
    {
        using var usage = weights.Use();
        var folder = backbone.Kind == BackboneKind.Folder ? backbone.Files.Location : null;
        return new(StringComparer.Ordinal)
        {
            [StoredAdapter.WeightsName] = SafetensorsWriter.ToBytes(AdapterTensors.From(weights.Backbone.Backend, weights.Adapters), CheckpointWriter.Metadata),
            [AdapterConfigFile.Name] = AdapterConfigFile.Write(weights.Adapters.Options, [.. weights.Backbone.Config.LinearMaps], folder),
        };
    }
}
