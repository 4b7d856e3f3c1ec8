using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.RateLimiting;
using WebApp.Answers;

namespace WebApp.Hosting;

/// <summary>
/// How much is taken in at once, each kind for itself: silent connections, watchers, and all other requests. Health is asked for under none of them, so that
/// it answers whatever else there is.
/// </summary>
internal static class Limits
{
    /// <summary>The limit of streams that last as long as somebody watches.</summary>
    public const string Watchers = "watchers";

    /// <summary>Requests beside those that wait for an answer: pages, states, and what is about to be refused.</summary>
    private const int OtherRequests = 256;

    private const int RetryAfterSeconds = 5;

    public static void AddLimits(this WebApplicationBuilder builder)
    {
        var options = builder.Configuration.GetSection(ServingOptions.Section).Get<ServingOptions>() ?? new ServingOptions();
        var idle = new IdleConnections(options.MaximumIdleConnections);
        builder.Services.AddSingleton(idle);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = options.MaximumBodyBytes;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Use(next => connection => idle.Accept(connection, () => next(connection))));
        });
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(options.ShutdownSeconds));
        builder.Services.AddRequestTimeouts(timeouts => timeouts.DefaultPolicy = new RequestTimeoutPolicy
        {
            Timeout = TimeSpan.FromSeconds(options.TimeoutSeconds),
            TimeoutStatusCode = StatusCodes.Status504GatewayTimeout,
        });
        var requests = options.QueueLength + (options.ConcurrentBatches * options.MaximumBatchRows) + OtherRequests;
        builder.Services.AddRateLimiter(limiter =>
        {
            limiter.AddConcurrencyLimiter(Watchers, watchers => watchers.PermitLimit = options.MaximumWatchers);
            limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, bool>(context => HasLimitOfItsOwn(context)
                ? RateLimitPartition.GetNoLimiter(true)
                : RateLimitPartition.GetConcurrencyLimiter(false, _ => new ConcurrencyLimiterOptions { PermitLimit = requests }));
            limiter.OnRejected = (rejected, _) => Refuse(rejected.HttpContext);
        });
    }

    public static void UseLimits(this WebApplication app)
    {
        app.Use(app.Services.GetRequiredService<IdleConnections>().Serve);
        app.UseRateLimiter();
    }

    private static bool HasLimitOfItsOwn(HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<EnableRateLimitingAttribute>() is not null;

    private static async ValueTask Refuse(HttpContext context)
    {
        var isWatcher = HasLimitOfItsOwn(context);
        context.RequestServices.GetRequiredService<ServiceMetrics>().Rejected(isWatcher ? "too_many_watchers" : "too_many_requests");
        context.Response.Headers.RetryAfter = RetryAfterSeconds.ToString(CultureInfo.InvariantCulture);
        // Whoever was refused gives the connection back too.
        context.Response.Headers.Connection = "close";
        await TypedResults.Problem(
            isWatcher ? "Others watch already, as many as may. GET /api/training tells the same now and then." : "Ask again a little later.",
            title: isWatcher ? "Too many watch" : "Too many requests at once",
            statusCode: StatusCodes.Status503ServiceUnavailable).ExecuteAsync(context);
    }
}
