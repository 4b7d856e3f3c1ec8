using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Checkpoints.Hub;

/// <summary>
/// One writer at a time for a blob, over processes: the lock file is locked as Python's filelock does it, so that huggingface_hub waits for us and we for it.
/// </summary>
internal sealed class HubLock : IDisposable
{
    private static readonly TimeSpan Wait = TimeSpan.FromMilliseconds(100);

    private readonly FileStream _file;

    private HubLock(FileStream file) => _file = file;

    public static async Task<HubLock> TakeAsync(string path, CancellationToken cancellation)
    {
        Disk.Current.CreateFolder(Path.GetDirectoryName(path)!);
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                return new HubLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
            }
            catch (IOException e) when (WriterLock.IsTaken(e))
            {
                await Task.Delay(Wait, cancellation);
            }
        }
    }

    // The file stays: whoever waits has it open, and a new one beside it would be another lock.
    public void Dispose() => _file.Dispose();
}
