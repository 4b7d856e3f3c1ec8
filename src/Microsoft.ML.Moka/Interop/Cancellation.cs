using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Interop;

/// <summary>The user's cancellation token together with ML.NET's own flag, which tells nobody: it has to be asked.</summary>
internal sealed class Cancellation : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly IHostEnvironment _env;
    private readonly CancellationTokenSource _source;
    private readonly Timer _timer;

    public Cancellation(IHostEnvironment env, CancellationToken token)
    {
        _env = env;
        _source = CancellationTokenSource.CreateLinkedTokenSource(token);
        Check();
        _timer = new Timer(_ => Check(), null, Interval, Interval);
    }

    public CancellationToken Token => _source.Token;

    /// <summary>Looks at the flag now.</summary>
    public void Check()
    {
        if (!MlNetAccess.IsCanceled(_env))
            return;
        try
        {
            _source.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The timer's last call may come when all is over.
        }
    }

    public void Dispose()
    {
        _timer.Dispose();
        _source.Dispose();
    }
}
