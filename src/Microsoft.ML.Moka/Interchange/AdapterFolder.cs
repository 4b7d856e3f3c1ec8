using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Interchange;

/// <summary>Writes an adapter as the two files that PEFT, and <see cref="StoredAdapter"/>, read.</summary>
internal static class AdapterFolder
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(10);

    /// <summary>Writes them into a folder, which is made if it is not there; other files in it stay.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="files">What <see cref="Files(BackboneSource, TunedBackbone, AdapterFileFormat)"/> made.</param>
    /// <remarks>
    /// The weights name the hash of their config. The rename of the weights is what settles a save: their config lies beside them then, under its temporary
    /// name or its own, and readers find it by its hash.
    /// </remarks>
    public static void Write(string folder, IReadOnlyDictionary<string, byte[]> files)
    {
        var target = Path.GetFullPath(folder);
        var disk = Disk.Current;
        disk.CreateFolder(target);
        var (weightsPath, configPath) = (Path.Combine(target, StoredAdapter.WeightsName), Path.Combine(target, AdapterConfigFile.Name));
        using var writer = WriterLock.Take(weightsPath, LongestWait);
        if (AdapterPair.PendingConfig(target) is { } pending)
            disk.Move(pending, configPath);
        AtomicFile.RemoveLeft(weightsPath);
        AtomicFile.RemoveLeft(configPath);
        var (newWeights, newConfig) = (TemporaryName.Of(weightsPath), TemporaryName.Of(configPath));
        NewFile.Write(newConfig, files[AdapterConfigFile.Name]);
        try
        {
            NewFile.Write(newWeights, files[StoredAdapter.WeightsName]);
            disk.FlushFolder(target);
            disk.Move(newWeights, weightsPath);
        }
        catch
        {
            NewFile.Remove(newWeights);
            NewFile.Remove(newConfig);
            throw;
        }
        disk.FlushFolder(target);
        disk.Move(newConfig, configPath);
        disk.FlushFolder(target);
    }

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
    /// <param name="backbone">Where the backbone's files are.</param>
    /// <param name="weights">The adapters.</param>
    /// <param name="format">The method that they are written as.</param>
    /// <exception cref="InvalidOperationException">The update cannot be written as that method.</exception>
    public static Dictionary<string, byte[]> Files(BackboneSource backbone, TunedBackbone weights, AdapterFileFormat format = AdapterFileFormat.AsTrained)
    {
        using var usage = weights.Use();
        var (options, tensors) = AdapterConversion.Convert(format, weights.Backbone.Backend, weights.Adapters);
        return Files(backbone, [.. weights.Backbone.Config.LinearMaps], options, tensors);
    }

    /// <summary>The same of options and tensors that belong together.</summary>
    public static Dictionary<string, byte[]> Files(
        BackboneSource backbone, IReadOnlyList<MapShape> maps, AdapterOptions options, IReadOnlyList<SafetensorsTensor> tensors)
    {
        var config = AdapterConfigFile.Write(options, maps, backbone.Kind == BackboneKind.Folder ? backbone.Files.Location : null);
        return new(StringComparer.Ordinal)
        {
            [StoredAdapter.WeightsName] = SafetensorsWriter.ToBytes(tensors, AdapterPair.Metadata(config)),
            [AdapterConfigFile.Name] = config,
        };
    }
}
