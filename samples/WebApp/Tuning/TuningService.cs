using Microsoft.Extensions.Options;
using Microsoft.ML.Moka;
using WebApp.Hosting;
using WebApp.Models;

namespace WebApp.Tuning;

/// <summary>The training run of this service: one at a time, beside the serving.</summary>
public sealed partial class TuningService(
    MokaServedFile<QuestionModel> models, ModelStatus status, TrainingAccess access, IOptions<TrainingSettings> settings, ILogger<TuningService> log)
    : IHostedService, IDisposable
{
    private static readonly TuningState NoRun = new(0, TuningPhase.Idle, 0, []);

    private readonly Lock _lock = new();
    private TuningRun? _run;
    private Task _running = Task.CompletedTask;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends at the next change of the state.</summary>
    public Task Changed => Volatile.Read(ref _changed).Task;

    /// <summary>
    /// Where the run stands, with the points of its curve from <paramref name="first"/> on; all points of another run than <paramref name="run"/>.
    /// </summary>
    public TuningState StateFrom(int run, int first)
    {
        lock (_lock)
            return (_run?.StateFrom(_run.Number == run ? first : 0) ?? NoRun) with { Right = access.Right };
    }

    /// <summary>False where a run is under way.</summary>
    public bool TryStart(TuningRequest request, bool putIntoService = false)
    {
        lock (_lock)
        {
            if (!_running.IsCompleted)
                return false;
            var number = (_run?.Number ?? 0) + 1;
            _run?.Dispose();
            var run = _run = new TuningRun(number, request, settings.Value.LearningRate, Notify);
            _running = Task.Factory.StartNew(() => Run(run, putIntoService), TaskCreationOptions.LongRunning);
            return true;
        }
    }

    /// <summary>False where no run is under way.</summary>
    public bool TryStop()
    {
        lock (_lock)
        {
            if (_running.IsCompleted)
                return false;
            _run!.Stop();
            return true;
        }
    }

    /// <summary>Puts the model of the finished run in the place of the one in service, as anybody could who writes the file.</summary>
    /// <returns>The model's version.</returns>
    /// <exception cref="InvalidOperationException">There is no finished run, or its model cannot be saved or served; the message says why.</exception>
    public string PutIntoService()
    {
        TuningRun run;
        lock (_lock)
        {
            run = _run is { HasModel: true } finished ? finished : throw new InvalidOperationException("There is no finished training run.");
            try
            {
                run.Save(models.FilePath);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new InvalidOperationException($"The model cannot be saved. {PublicMessage.Of(e)}", e);
            }
        }
        models.Refresh();
        if (status.Error is { } error)
            throw new InvalidOperationException(error);
        var version = models.Version!;
        run.SetInService(version);
        return version;
    }

    /// <summary>Trains a first model where there is none to serve.</summary>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (settings.Value.AtFirstStart && !File.Exists(models.FilePath))
        {
            LogFirst(models.FilePath);
            TryStart(new TuningRequest(settings.Value.FirstQuestions), putIntoService: true);
        }
        return Task.CompletedTask;
    }

    /// <summary>Training is given up: it can be repeated, and might take long.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        TryStop();
        await _running.WaitAsync(cancellationToken);
    }

    public void Dispose() => _run?.Dispose();

    private void Run(TuningRun run, bool putIntoService)
    {
        run.Run();
        var state = run.StateFrom(int.MaxValue);
        if (run.Failure is { } failure)
            LogFailure(failure);
        else
            LogEnd(state.Phase, state.Untuned, state.Tuned);
        if (!putIntoService || state.Phase != TuningPhase.Finished)
            return;
        try
        {
            PutIntoService();
        }
        catch (InvalidOperationException e)
        {
            status.HasNoFirst(e.Message);
            LogNotInService(e);
        }
    }

    private void Notify() => Interlocked.Exchange(ref _changed, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    [LoggerMessage(LogLevel.Information, "There is no {Path} yet: a small model is being trained, in some seconds.")]
    private partial void LogFirst(string path);

    [LoggerMessage(LogLevel.Error, "The first model could not be put into service.")]
    private partial void LogNotInService(Exception error);

    [LoggerMessage(LogLevel.Information, "Training ended: {Phase}. Accuracy {Untuned:P1} before, {Tuned:P1} after.")]
    private partial void LogEnd(TuningPhase phase, double? untuned, double? tuned);

    [LoggerMessage(LogLevel.Error, "Training failed.")]
    private partial void LogFailure(Exception error);
}
