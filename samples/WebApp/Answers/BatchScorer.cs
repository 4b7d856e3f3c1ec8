using System.Diagnostics;
using Microsoft.Extensions.Options;
using Microsoft.ML.Moka;
using WebApp.Hosting;
using WebApp.Models;

namespace WebApp.Answers;

/// <summary>Takes batches from the queue and scores them.</summary>
public sealed partial class BatchScorer(
    WaitingAnswers queue, MokaServedFile<QuestionModel> models, ServiceMetrics metrics, IOptions<ServingOptions> options, ILogger<BatchScorer> log)
    : BackgroundService
{
    /// <summary>Whatever was accepted is answered before the service ends.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        queue.Close();
        await base.StopAsync(cancellationToken);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(Enumerable.Range(0, options.Value.ConcurrentBatches).Select(_ => Task.Run(ScoreBatches, CancellationToken.None)));

    private async Task ScoreBatches()
    {
        while (await queue.NextBatchAsync() is { } batch)
        {
            try
            {
                Score(batch);
            }
            catch (Exception e)
            {
                LogFailure(e, batch.Count);
                // One question may have spoilt it for the others.
                foreach (var pending in batch)
                    ScoreAlone(pending, batch.Count == 1 ? e : null);
            }
        }
    }

    private void Score(List<PendingAnswer> batch)
    {
        using var use = models.Use() ?? throw new InvalidOperationException("There is no model.");
        var started = Stopwatch.GetTimestamp();
        var answers = use.Model.Score(batch.ConvertAll(pending => pending.Row));
        metrics.Scored(batch.Count, batch.Sum(pending => pending.Tokens), Stopwatch.GetElapsedTime(started));
        foreach (var (pending, probabilities) in batch.Zip(answers))
            pending.Complete(new Answer(use.Version, probabilities));
    }

    private void ScoreAlone(PendingAnswer pending, Exception? known)
    {
        try
        {
            if (known is not null)
                pending.Fail(known);
            else
                Score([pending]);
        }
        catch (Exception e)
        {
            pending.Fail(e);
        }
    }

    [LoggerMessage(LogLevel.Error, "A batch of {Rows} could not be scored.")]
    private partial void LogFailure(Exception error, int rows);
}
