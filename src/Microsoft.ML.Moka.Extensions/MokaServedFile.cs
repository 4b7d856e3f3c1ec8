using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.ML.Moka.Extensions;
using Microsoft.ML.Moka.Work;

namespace Microsoft.ML.Moka;

/// <summary>
/// The model of a file, for services that make of it what they need: a <see cref="MokaPredictionPool{TRow, TPrediction}"/> is one kind. A watched file that
/// changes is loaded beside the model in service and takes its place when it is ready; uses that have begun end on the old model, which is disposed after the
/// last of them. A file that cannot be loaded changes nothing, and the log says so once. Any number of threads may ask.
/// </summary>
/// <typeparam name="TModel">What is made of the file.</typeparam>
public sealed partial class MokaServedFile<TModel> : IDisposable
    where TModel : class, IDisposable
{
    private const int VersionLength = 8;

    private readonly Func<Stream, TModel> _load;
    private readonly MokaServedFileOptions _options;
    private readonly ILogger _log;
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _end = new();
    private readonly Task _watching;
    private Served? _current;
    private FileState? _inService;
    private FileState? _tried;
    private FileState? _seen;
    private volatile Exception? _refusal;
    private bool _isDisposed;

    /// <summary>Loads the file.</summary>
    /// <param name="filePath">The file.</param>
    /// <param name="load">Makes a model of the file's content, or throws what is wrong with it. What it makes is disposed here.</param>
    /// <param name="options">How it is looked after; null for the defaults.</param>
    /// <param name="log">Told of files that are taken into service or refused; null for nobody.</param>
    /// <exception cref="ArgumentException">An option makes no sense.</exception>
    /// <exception cref="FileNotFoundException">The file is missing, and has to be there.</exception>
    public MokaServedFile(string filePath, Func<Stream, TModel> load, MokaServedFileOptions? options = null, ILogger? log = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(filePath);
        ArgumentNullException.ThrowIfNull(load);
        _options = options ?? new MokaServedFileOptions();
        _options.Check();
        (FilePath, _load, _log) = (Path.GetFullPath(filePath), load, log ?? NullLogger.Instance);
        if (_options.IsRequired)
        {
            using var stream = Open();
            Take(stream);
        }
        else if (!_options.WatchForChanges)
        {
            Refresh();
        }
        // A service that need not have a model at once does not wait for one.
        _watching = _options.WatchForChanges ? Task.Run(WatchAsync) : Task.CompletedTask;
    }

    /// <summary>The file, from the root on.</summary>
    public string FilePath { get; }

    /// <summary>What tells the file in service from others, eight hexadecimal digits; null where none is.</summary>
    public string? Version => Volatile.Read(ref _current)?.Version;

    /// <summary>Why the latest file was not taken into service; null where it was, or where there has not been one.</summary>
    public Exception? Refusal => _refusal;

    /// <summary>Keeps the model in service in memory until the result is disposed.</summary>
    /// <returns>The model; null where none is in service.</returns>
    public MokaModelUse<TModel>? Use()
    {
        // A model that was replaced between the two steps is gone, and its successor is there.
        while (Volatile.Read(ref _current) is { } served)
        {
            if (served.Uses.TryEnter())
                return new MokaModelUse<TModel>(served.Model, served.Version, served.LoadedAt, served.Uses);
        }
        return null;
    }

    /// <summary>Looks at the file now, for whoever has just put a whole one there: it is in service, or refused, when this returns.</summary>
    public void Refresh() => Look(isSettled: true);

    /// <summary>Ends the watching, and disposes the model when uses that have begun are over.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_isDisposed)
                return;
            _isDisposed = true;
            Interlocked.Exchange(ref _current, null)?.Uses.LetGo();
        }
        _end.Cancel();
        _watching.Wait();
        _end.Dispose();
    }

    /// <summary>Looks at the file. One that may still be written is taken when two looks have found it alike.</summary>
    private void Look(bool isSettled)
    {
        lock (_gate)
        {
            if (_isDisposed)
                return;
            try
            {
                using var stream = Open();
                var state = FileState.Of(stream);
                var isAlike = isSettled || state == _seen;
                _seen = state;
                if (state == _inService)
                    (_refusal, _tried) = (null, state);
                // Whatever it is, it is tried once.
                if (!isAlike || state == _tried)
                    return;
                _tried = state;
                Take(stream);
                LogLoaded(FilePath, Version!);
                _options.Exchanged?.Invoke(true);
            }
            // There has not been a file yet: that is no news.
            catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException && _inService is null)
            {
            }
            catch (Exception e)
            {
                // A file that is written in several pieces is refused several times, for the same reason.
                var isKnown = _refusal?.Message == e.Message;
                _refusal = e;
                if (isKnown)
                    return;
                LogRefused(e, FilePath, e.Message);
                _options.Exchanged?.Invoke(false);
            }
        }
    }

    private FileStream Open()
    {
        try
        {
            return new FileStream(FilePath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new FileNotFoundException($"There is no file '{FilePath}'.", FilePath, e);
        }
    }

    private void Take(FileStream stream)
    {
        var state = FileState.Of(stream);
        var model = _load(stream);
        if (state != FileState.Of(stream))
        {
            model.Dispose();
            throw new IOException($"'{FilePath}' was written while it was read.");
        }
        (_inService, _tried, _seen) = (state, state, state);
        // Whoever sees the new version sees no refusal of an earlier file beside it.
        _refusal = null;
        Interlocked.Exchange(ref _current, new Served(model, state.End[..VersionLength].ToLowerInvariant()))?.Uses.LetGo();
    }

    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(_options.PollInterval);
        try
        {
            if (!_options.IsRequired)
                Refresh();
            while (await timer.WaitForNextTickAsync(_end.Token).ConfigureAwait(false))
                Look(isSettled: false);
        }
        catch (OperationCanceledException)
        {
        }
    }

    [LoggerMessage(LogLevel.Information, "{Path} is in service, version {Version}.")]
    private partial void LogLoaded(string path, string version);

    [LoggerMessage(LogLevel.Error, "{Path} cannot be taken into service, and what was in service before stays: {Reason}")]
    private partial void LogRefused(Exception error, string path, string reason);

    private sealed class Served(TModel model, string version)
    {
        public TModel Model { get; } = model;

        public string Version { get; } = version;

        public DateTimeOffset LoadedAt { get; } = DateTimeOffset.UtcNow;

        public UseCount Uses { get; } = new(model.Dispose);
    }
}
