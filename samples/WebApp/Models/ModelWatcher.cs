using Microsoft.Extensions.Options;
using WebApp.Hosting;

namespace WebApp.Models;

/// <summary>
/// Looks at the model's file now and then. Where another one was put in its place, it is loaded beside the old one and takes over when it is ready; where it
/// cannot be loaded, the old one stays and the error is told. Put files there by renaming, so that none is seen half written.
/// </summary>
public sealed partial class ModelWatcher(
    ModelHost models, ServiceMetrics metrics, IOptions<ModelOptions> options, ILogger<ModelWatcher> log) : BackgroundService
{
    private readonly SemaphoreSlim _gate = new(1);
    private (DateTime Written, long Length)? _seen;

    public string Path { get; } = System.IO.Path.GetFullPath(options.Value.Path, AppContext.BaseDirectory);

    /// <summary>Looks at the file now.</summary>
    public async Task CheckAsync(CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            Check();
        }
        finally
        {
            _gate.Release();
        }
    }

    public override void Dispose()
    {
        _gate.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(options.Value.PollMilliseconds));
        do
        {
            await CheckAsync(stoppingToken);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private void Check()
    {
        var file = new FileInfo(Path);
        if (!file.Exists)
        {
            if (_seen is not null)
                models.Refuse($"{System.IO.Path.GetFileName(Path)} is gone.");
            _seen = null;
            return;
        }
        var state = (file.LastWriteTimeUtc, file.Length);
        if (state == _seen)
            return;
        _seen = state;
        try
        {
            var model = ServedModel.Load(Path);
            models.Swap(model);
            metrics.Loaded(succeeded: true);
            LogLoaded(Path, model.Version);
        }
        catch (Exception e)
        {
            models.Refuse($"{System.IO.Path.GetFileName(Path)} was refused: {PublicMessage.Of(e)}");
            metrics.Loaded(succeeded: false);
            LogRefused(e, Path);
        }
    }

    [LoggerMessage(LogLevel.Information, "{Path} is in service, version {Version}.")]
    private partial void LogLoaded(string path, string version);

    [LoggerMessage(LogLevel.Error, "{Path} cannot be served; the model before it stays.")]
    private partial void LogRefused(Exception error, string path);
}
