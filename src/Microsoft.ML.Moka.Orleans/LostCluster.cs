using Orleans.Runtime;

namespace Microsoft.ML.Moka.Orleans;

/// <summary>
/// Notices that the others took the silo for dead, as they do when a link is cut. A silo may not go on then, and Orleans would end the process; a worker has
/// nothing to lose, and joins again.
/// </summary>
internal sealed class LostCluster : IFatalErrorHandler, IDisposable
{
    private readonly CancellationTokenSource _lost = new();

    public CancellationToken Token => _lost.Token;

    public bool IsUnexpected(Exception exception) => exception is not OperationCanceledException;

    // Whoever tells it must not wait for the silo's end.
    public void OnFatalException(object? sender, string? context, Exception? exception) => Task.Run(_lost.Cancel);

    public void Dispose() => _lost.Dispose();
}
