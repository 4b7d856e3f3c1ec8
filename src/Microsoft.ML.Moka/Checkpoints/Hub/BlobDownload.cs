using System.Globalization;
using System.Net;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Checkpoints.Hub;

/// <summary>
/// Brings one file of a model into the cache: what is there already counts, what a break has left is gone on with, and only what has the right hash is kept.
/// </summary>
/// <param name="client">Where it comes from.</param>
/// <param name="cache">Where it goes.</param>
/// <param name="settings">Waits, and whether there are links.</param>
/// <param name="name">The model.</param>
/// <param name="commit">Its commit.</param>
internal sealed class BlobDownload(HubClient client, HubCache cache, HubSettings settings, HubName name, string commit)
{
    private const int BlockSize = 1 << 17;
    private const int MaxTriesWithoutProgress = 5;
    private const int MaxTries = 100;

    /// <param name="file">The file.</param>
    /// <param name="progress">Is told the bytes of the file that are there.</param>
    /// <param name="cancellation">Cancels; what has come stays for the next time.</param>
    /// <returns>Its path in the snapshot.</returns>
    /// <exception cref="InvalidDataException">What the server sends has another hash.</exception>
    public async Task<string> RunAsync(HubFile file, Action<long> progress, CancellationToken cancellation)
    {
        var blob = cache.BlobOf(name.Repository, file.Hash);
        var path = Path.Combine([cache.SnapshotOf(name.Repository, commit), .. file.Path.Split('/')]);
        using var taken = await HubLock.TakeAsync(cache.LockOf(name.Repository, file.Hash), cancellation);
        if (!await IsWholeAsync(blob, file, cancellation))
        {
            // Where there are no links, the snapshot has the file itself.
            if (new FileInfo(path) is { LinkTarget: null } && await IsWholeAsync(path, file, cancellation))
                return Done(path);
            Disk.Current.CreateFolder(Path.GetDirectoryName(blob)!);
            var incomplete = $"{blob}.incomplete";
            await FetchAsync(file, incomplete, progress, cancellation);
            Disk.Current.Move(incomplete, blob);
            Disk.Current.FlushFolder(Path.GetDirectoryName(blob)!);
        }
        HubCache.Place(blob, path, settings.UsesLinks);
        return Done(path);

        string Done(string whole)
        {
            progress(file.Size ?? new FileInfo(File.ResolveLinkTarget(whole, returnFinalTarget: true)?.FullName ?? whole).Length);
            return whole;
        }
    }

    private static async Task<bool> IsWholeAsync(string path, HubFile file, CancellationToken cancellation)
    {
        if (!HubCache.HasFile(path))
            return false;
        if (await file.IsAsync(path, cancellation))
            return true;
        Disk.Current.Delete(path);
        return false;
    }

    private async Task FetchAsync(HubFile file, string incomplete, Action<long> progress, CancellationToken cancellation)
    {
        var isContinued = new FileInfo(incomplete) is { Exists: true, Length: > 0 };
        await FetchBytesAsync(file, incomplete, progress, cancellation);
        if (await file.IsAsync(incomplete, cancellation))
            return;
        Disk.Current.Delete(incomplete);
        // What an earlier try has left may have been wrong: once more, from the start.
        if (isContinued)
        {
            await FetchAsync(file, incomplete, progress, cancellation);
            return;
        }
        throw new InvalidDataException(
            $"'{name.Repository}': what {settings.Endpoint.Authority} sends as '{file.Path}' does not have the hash that it names ({file.Hash}), and was " +
                "removed. " +
            "Try again; if it stays so, the server or something in between changes the file.");
    }

    private async Task FetchBytesAsync(HubFile file, string incomplete, Action<long> progress, CancellationToken cancellation)
    {
        var (fruitless, furthest) = (0, 0L);
        for (var tries = 1; ; tries++)
        {
            await using var target = Disk.Current.OpenPart(incomplete);
            if (target.Length > (file.Size ?? long.MaxValue))
                target.SetLength(0);
            target.Position = target.Length;
            furthest = Math.Max(furthest, target.Position);
            try
            {
                if (target.Position != file.Size)
                    await ReceiveAsync(file, target, progress, cancellation);
                Disk.Current.Flush(target);
                return;
            }
            catch (HttpRequestException e) when (HubError.IsPassing(e))
            {
                // Who begins anew and gets no further would do so for ever.
                fruitless = target.Position > furthest ? 0 : fruitless + 1;
                if (fruitless == MaxTriesWithoutProgress || tries == MaxTries)
                    throw new HttpRequestException(
                        FormattableString.Invariant($"'{file.Path}' of '{name.Repository}' broke off {tries} times, at {target.Position:N0} bytes: ") +
                        $"{e.Message.TrimEnd('.')}. What has come is kept: the same command goes on from there.", e, e.StatusCode);
            }
            await Task.Delay(settings.RetryDelay * (1 << fruitless), cancellation);
        }
    }

    private async Task ReceiveAsync(HubFile file, Stream target, Action<long> progress, CancellationToken cancellation)
    {
        using var response = await client.OpenAsync(name, commit, file.Path, target.Position, cancellation);
        var continues = response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From == target.Position;
        if (!continues && target.Position > 0)
        {
            target.SetLength(0);
            target.Position = 0;
            // This answer is about another part: ask for the whole.
            if (response.StatusCode != HttpStatusCode.OK)
                throw new HttpRequestException("the server does not go on where it is asked to");
        }
        var size = file.Size ?? (response.Content.Headers.ContentLength is { } rest ? target.Position + rest : null);
        await using var source = await response.Content.ReadAsStreamAsync(cancellation);
        var block = new byte[BlockSize];
        progress(target.Position);
        while (await ReadAsync(source, block, cancellation) is var read and > 0)
        {
            // Who says nothing of the length of a file sends a small one.
            if (target.Position + read > (size ?? BackboneFiles.LargestText))
                throw TooLong(file, target, size);
            await target.WriteAsync(block.AsMemory(0, read), cancellation);
            progress(target.Position);
        }
        if (target.Position < size)
            throw new HttpRequestException("the connection ended early");
    }

    private InvalidDataException TooLong(HubFile file, Stream target, long? size)
    {
        target.SetLength(0);
        var most = (size ?? BackboneFiles.LargestText).ToString("N0", CultureInfo.InvariantCulture);
        return new InvalidDataException($"'{name.Repository}': {settings.Endpoint.Authority} sends more than the {most} bytes that '{file.Path}' may have.");
    }

    // A break while reading is the network's; one while writing is the disk's, and no reason for another try.
    private async Task<int> ReadAsync(Stream source, byte[] block, CancellationToken cancellation)
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        stall.CancelAfter(settings.StallTimeout);
        try
        {
            return await source.ReadAsync(block, stall.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new HttpRequestException("nothing came for a long time");
        }
        catch (IOException e)
        {
            throw new HttpRequestException(e.Message, e);
        }
    }
}
