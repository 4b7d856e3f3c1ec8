using System.Globalization;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Checkpoints;

/// <summary>
/// Writes weights into a folder as transformers does: one <c>model.safetensors</c>, or shards <c>model-00001-of-00002.safetensors</c> … with
/// <c>model.safetensors.index.json</c>.
/// </summary>
internal static class CheckpointWriter
{
    /// <summary>Transformers refuses files whose header does not say so.</summary>
    public static readonly IReadOnlyDictionary<string, string> Metadata = new Dictionary<string, string> { ["format"] = "pt" };

    /// <param name="folder">An empty folder.</param>
    /// <param name="groups">The tensors, which are made one group after the other.</param>
    /// <param name="shardBytes">What a shard's tensors take at most; a larger group goes alone.</param>
    public static void Write(string folder, IEnumerable<TensorGroup> groups, long shardBytes)
    {
        var shards = Pack(groups, shardBytes);
        if (shards.Count == 1)
        {
            WriteShard(Path.Combine(folder, Checkpoint.SingleFile), shards[0]);
            return;
        }
        var fileOfTensor = new SortedDictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < shards.Count; i++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"model-{i + 1:00000}-of-{shards.Count:00000}.safetensors");
            WriteShard(Path.Combine(folder, name), shards[i]);
            foreach (var header in shards[i].SelectMany(group => group.Headers))
                fileOfTensor.Add(header.Name, name);
        }
        var totalSize = shards.Sum(shard => shard.Sum(group => group.ByteCount));
        var index = IndentedJson.Write(new(StringComparer.Ordinal)
        {
            ["metadata"] = new SortedDictionary<string, object?>(StringComparer.Ordinal) { ["total_size"] = totalSize },
            ["weight_map"] = fileOfTensor,
        });
        NewFile.Write(Path.Combine(folder, Checkpoint.IndexFile), index);
    }

    private static List<List<TensorGroup>> Pack(IEnumerable<TensorGroup> groups, long shardBytes)
    {
        var shards = new List<List<TensorGroup>> { new() };
        var filled = 0L;
        foreach (var group in groups)
        {
            if (filled > 0 && filled + group.ByteCount > shardBytes)
            {
                shards.Add([]);
                filled = 0;
            }
            shards[^1].Add(group);
            filled += group.ByteCount;
        }
        return shards;
    }

    private static void WriteShard(string path, List<TensorGroup> groups) =>
        NewFile.Write(path, stream => SafetensorsWriter.Write(stream, groups, Metadata));
}
