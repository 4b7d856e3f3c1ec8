using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using WebApp.Hosting;

namespace WebApp.Tuning;

/// <summary>Starts, shows, stops training, and puts its model into service: /api/training.</summary>
public static class TuningEndpoints
{
    private static readonly TimeSpan FastestEvents = TimeSpan.FromMilliseconds(150);
    private static readonly TimeSpan SlowestEvents = TimeSpan.FromSeconds(15);

    public static void AddTuning(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptionsWithValidateOnStart<TrainingSettings>().BindConfiguration(TrainingSettings.Section).ValidateDataAnnotations();
        builder.Services.AddSingleton<TrainingAccess>();
        builder.Services.AddSingleton<TuningService>();
        builder.Services.AddHostedService(services => services.GetRequiredService<TuningService>());
    }

    /// <summary>Refuses those who may not train, before anything of their request is read.</summary>
    public static void UseTrainingAccess(this WebApplication app)
    {
        var access = app.Services.GetRequiredService<TrainingAccess>();
        app.Use((context, next) => context.GetEndpoint()?.Metadata.GetMetadata<NeedsRight>() is not null && access.Refusal(context) is { } refusal
            ? refusal.ExecuteAsync(context)
            : next(context));
    }

    public static void MapTuning(this WebApplication app)
    {
        var group = app.MapGroup("/api/training");
        group.MapGet("", (TuningService tuning, int run = 0, int first = 0) => tuning.StateFrom(run, Math.Max(first, 0)));
        group.MapGet("/events", (TuningService tuning, IHostApplicationLifetime lifetime, CancellationToken dropped) =>
            TypedResults.ServerSentEvents(Watch(tuning, lifetime.ApplicationStopping, dropped)))
            .DisableRequestTimeout().RequireRateLimiting(Limits.Watchers);
        if (!app.Configuration.GetSection(TrainingSettings.Section).GetValue(nameof(TrainingSettings.Enabled), defaultValue: true))
            return;
        var changes = group.MapGroup("").WithMetadata(new NeedsRight());
        changes.MapPost("", (TuningRequest request, TuningService tuning) =>
            request.Errors() is { Count: > 0 } errors ? TypedResults.ValidationProblem(errors)
            : tuning.TryStart(request) ? Results.Accepted("/api/training")
            : Conflict("A training run is under way."));
        changes.MapPost("/stop", (TuningService tuning) => tuning.TryStop() ? Results.Accepted() : Conflict("No training run is under way."));
        changes.MapPost("/deploy", PutIntoService);
    }

    private static IResult PutIntoService(TuningService tuning)
    {
        try
        {
            return Results.Ok(new { version = tuning.PutIntoService() });
        }
        catch (InvalidOperationException e)
        {
            return Conflict(e.Message);
        }
    }

    private static IResult Conflict(string title) => Results.Problem(title: title, statusCode: StatusCodes.Status409Conflict);

    /// <summary>The state after each change, some times a second at most; the first event has the whole curve, the others what was added.</summary>
    private static async IAsyncEnumerable<SseItem<TuningState>> Watch(
        TuningService tuning, CancellationToken stopping, [EnumeratorCancellation] CancellationToken dropped)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stopping, dropped);
        var (run, sent) = (0, 0);
        do
        {
            var changed = tuning.Changed;
            var state = tuning.StateFrom(run, sent);
            (run, sent) = (state.Run, state.First + state.Points.Count);
            yield return new SseItem<TuningState>(state, "state");
            await changed.WaitAsync(SlowestEvents, end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await Task.Delay(FastestEvents, end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        while (!end.IsCancellationRequested);
    }

    /// <summary>Marks what only those may do who may train.</summary>
    private sealed class NeedsRight;
}
