using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;

namespace WebApp.Tuning;

/// <summary>Starts, shows, stops training, and puts its model into service: /api/training.</summary>
public static class TuningEndpoints
{
    private static readonly TimeSpan FastestEvents = TimeSpan.FromMilliseconds(150);
    private static readonly TimeSpan SlowestEvents = TimeSpan.FromSeconds(15);

    public static void AddTuning(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptionsWithValidateOnStart<TrainingSettings>().BindConfiguration(TrainingSettings.Section).ValidateDataAnnotations();
        builder.Services.AddSingleton<TuningService>();
        builder.Services.AddHostedService(services => services.GetRequiredService<TuningService>());
    }

    public static void MapTuning(this WebApplication app)
    {
        var group = app.MapGroup("/api/training");
        group.MapGet("", (TuningService tuning) => tuning.StateFrom(0, 0));
        group.MapGet("/events", (TuningService tuning, IHostApplicationLifetime lifetime, CancellationToken dropped) =>
            TypedResults.ServerSentEvents(Watch(tuning, lifetime.ApplicationStopping, dropped))).DisableRequestTimeout();
        if (!app.Configuration.GetSection(TrainingSettings.Section).GetValue(nameof(TrainingSettings.Enabled), defaultValue: true))
            return;
        group.MapPost("", (TuningRequest request, TuningService tuning) =>
            request.Errors() is { Count: > 0 } errors ? TypedResults.ValidationProblem(errors)
            : tuning.TryStart(request) ? Results.Accepted("/api/training")
            : Conflict("A training run is under way."));
        group.MapPost("/stop", (TuningService tuning) => tuning.TryStop() ? Results.Accepted() : Conflict("No training run is under way."));
        group.MapPost("/deploy", PutIntoService);
    }

    private static async Task<IResult> PutIntoService(TuningService tuning)
    {
        try
        {
            return Results.Ok(new { version = await tuning.PutIntoServiceAsync() });
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
            await Task.WhenAny(changed, Task.Delay(SlowestEvents, end.Token));
            await Task.WhenAny(Task.Delay(FastestEvents, end.Token));
        }
        while (!end.IsCancellationRequested);
    }
}
