using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Checkpoints.Hub;

/// <summary>Brings a model from the hub into the cache.</summary>
internal static class HubDownload
{
    private const int QuestionsAtOnce = 4;

    /// <returns>The model's folder in the cache, or the path of its GGUF.</returns>
    public static async Task<string> RunAsync(HubName name, HubSettings settings, Action<BackboneDownloadProgress>? progress, CancellationToken cancellation)
    {
        var cache = new HubCache(settings.CacheFolder);
        if (settings.IsOffline)
        {
            return CachedModel.Find(name, cache, out var problem)
                ?? throw new FileNotFoundException($"'{name}' cannot be fetched while {HubSettings.OfflineVariable} is set, and {problem}");
        }
        WrittenPath.RequireNoFile(settings.CacheFolder);
        using var client = new HubClient(settings);
        var (commit, paths) = await client.ListAsync(name, cancellation);
        var blobs = new BlobDownload(client, cache, settings, name, commit);
        var files = await DescribeAsync(client, name, commit, HubModelFiles.NeededOf(name, paths), cancellation);
        if (files.Find(file => file.Path == Checkpoint.IndexFile) is { } index)
        {
            var shards = HubModelFiles.ShardsOf(await blobs.RunAsync(index, _ => { }, cancellation));
            if (shards.FirstOrDefault(shard => !paths.Contains(shard)) is { } missing)
                throw new InvalidDataException($"'{name.Repository}' has no file '{missing}', which its '{Checkpoint.IndexFile}' names.");
            files.AddRange(await DescribeAsync(client, name, commit, shards, cancellation));
        }
        var fetched = new List<string>();
        var (done, unknown) = (0L, 0L);
        var known = files.Sum(file => file.Size ?? 0);
        foreach (var file in files)
        {
            var here = 0L;
            fetched.Add(await blobs.RunAsync(file, bytes =>
            {
                here = bytes;
                progress?.Invoke(new BackboneDownloadProgress(file.Path, done + bytes, known + unknown + (file.Size is null ? bytes : 0)));
            }, cancellation));
            done += here;
            unknown += file.Size is null ? here : 0;
        }
        // Last, so that what was there before is found until all of the new is.
        cache.SetCommit(name.Repository, name.RevisionOrDefault, commit);
        return name.File is null ? cache.SnapshotOf(name.Repository, commit) : fetched[files.FindIndex(file => file.Path == name.File)];
    }

    private static async Task<List<HubFile>> DescribeAsync(
        HubClient client, HubName name, string commit, IReadOnlyList<string> paths, CancellationToken cancellation)
    {
        var files = new HubFile[paths.Count];
        await Parallel.ForEachAsync(Enumerable.Range(0, paths.Count), new ParallelOptions { MaxDegreeOfParallelism = QuestionsAtOnce,
            CancellationToken = cancellation },
            async (i, token) => files[i] = await client.DescribeAsync(name, commit, paths[i], token));
        return [.. files];
    }
}
