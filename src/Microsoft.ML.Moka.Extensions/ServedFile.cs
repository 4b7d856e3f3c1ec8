using Microsoft.Extensions.Logging;

namespace Microsoft.ML.Moka.Extensions;

/// <summary>The model of a file, and what takes its place when the file changes. Uses that have begun end on the model that they began with.</summary>
internal sealed partial class ServedFile<TRow, TPrediction> : IDisposable
    where TRow : class
    where TPrediction : class, new()
{
    private readonly PooledFile _file;
    private readonly int _maximumEngines;
    private readonly ILogger _log;
    private readonly Lock _gate = new();
    private PooledModel<TRow, TPrediction>? _current;
    private FileState _loaded;
    private FileState? _seen;
    private string? _refusal;

    /// <exception cref="Exception">The file is not there, is no model, or one that does not take such rows.</exception>
    public ServedFile(PooledFile file, int maximumEngines, ILogger log)
    {
        (_file, _maximumEngines, _log) = (file, maximumEngines, log);
        if (!File.Exists(file.Path))
            throw new FileNotFoundException($"There is no file '{file.Path}'.", file.Path);
        using var stream = Open();
        (_current, _loaded) = Load(stream);
        _seen = _loaded;
    }

    public bool IsWatched => _file.IsWatched;

    /// <exception cref="ObjectDisposedException">The pool was disposed.</exception>
    public TResult Use<TResult>(Func<PooledModel<TRow, TPrediction>, TResult> use)
    {
        // A model that was replaced between the two steps is gone, and its successor is there.
        while (Volatile.Read(ref _current) is { } model)
        {
            if (!model.TryEnter())
                continue;
            try
            {
                return use(model);
            }
            finally
            {
                model.Leave();
            }
        }
        throw new ObjectDisposedException(nameof(MokaPredictionPool<TRow, TPrediction>));
    }

    /// <summary>Looks at the file. One that is still being written is taken when two looks have found it alike.</summary>
    public void Check()
    {
        lock (_gate)
        {
            if (_current is null)
                return;
            try
            {
                using var stream = Open();
                var state = FileState.Of(stream);
                var isSettled = state == _seen;
                _seen = state;
                if (!isSettled || state == _loaded)
                    return;
                // Whatever it is, it is looked at once.
                _loaded = state;
                var (model, read) = Load(stream);
                _loaded = read;
                Interlocked.Exchange(ref _current, model)?.Dispose();
                _refusal = null;
                LogLoaded(_file.Path);
            }
            catch (Exception e)
            {
                // A file that is written in several pieces is refused several times, for the same reason.
                if (_refusal == e.Message)
                    return;
                _refusal = e.Message;
                LogRefused(e, _file.Path, e.Message);
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
            Interlocked.Exchange(ref _current, null)?.Dispose();
    }

    private FileStream Open() => new(_file.Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    private (PooledModel<TRow, TPrediction> Model, FileState State) Load(FileStream stream)
    {
        var before = FileState.Of(stream);
        var model = new PooledModel<TRow, TPrediction>(stream, _maximumEngines);
        if (before == FileState.Of(stream))
            return (model, before);
        model.Dispose();
        throw new IOException($"'{_file.Path}' was written while it was read.");
    }

    [LoggerMessage(LogLevel.Information, "{Path} has changed, and is in service.")]
    private partial void LogLoaded(string path);

    [LoggerMessage(LogLevel.Error, "{Path} cannot be taken into service, and the model before it stays: {Reason}")]
    private partial void LogRefused(Exception error, string path, string reason);
}
