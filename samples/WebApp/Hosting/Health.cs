using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.ML.Moka;
using WebApp.Models;

namespace WebApp.Hosting;

/// <summary>/health says that the process lives; /ready that it can answer questions. Neither is under a limit of other requests.</summary>
internal static class Health
{
    public static void MapHealth(this WebApplication app)
    {
        app.MapHealthChecks("/health", new HealthCheckOptions { Predicate = _ => false }).DisableRequestTimeout().DisableRateLimiting();
        app.MapHealthChecks("/ready", new HealthCheckOptions { ResponseWriter = Write }).DisableRequestTimeout().DisableRateLimiting();
    }

    private static Task Write(HttpContext context, HealthReport report)
    {
        var model = report.Entries[ModelHealth.Name];
        return context.Response.WriteAsJsonAsync(new
        {
            status = report.Status.ToString(),
            model = model.Data.GetValueOrDefault("version"),
            detail = model.Description,
        });
    }
}

/// <summary>Ready: there is a model, and the service is not about to stop. Degraded, and still ready: a newer file was refused.</summary>
internal sealed class ModelHealth(MokaServedFile<QuestionModel> models, ModelStatus status, IHostApplicationLifetime lifetime) : IHealthCheck
{
    public const string Name = "model";

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var (version, error) = (models.Version, status.Error);
        var data = version is null ? new Dictionary<string, object>() : new Dictionary<string, object> { ["version"] = version };
        return Task.FromResult(
            lifetime.ApplicationStopping.IsCancellationRequested ? HealthCheckResult.Unhealthy("The service is stopping.", data: data)
            : version is null ? HealthCheckResult.Unhealthy(error ?? "The first model is being trained or loaded.")
            : error is not null ? HealthCheckResult.Degraded(error, data: data)
            : HealthCheckResult.Healthy(data: data));
    }
}
