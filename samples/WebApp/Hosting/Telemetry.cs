using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace WebApp.Hosting;

/// <summary>
/// Sends metrics to an OpenTelemetry collector, where OTEL_EXPORTER_OTLP_ENDPOINT names one: those of the service, of ASP.NET Core and of the runtime. The
/// other OTEL_ variables (protocol, headers, interval, resource attributes) work too.
/// </summary>
internal sealed class Telemetry(IConfiguration configuration) : IHostedService
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    private MeterProvider? _provider;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(configuration[Endpoint]))
            return Task.CompletedTask;
        _provider = Sdk.CreateMeterProviderBuilder()
            .ConfigureServices(services => services.AddSingleton(configuration))
            .ConfigureResource(resource => resource.AddService("moka-webapp"))
            .AddMeter(ServiceMetrics.MeterName, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime")
            .AddOtlpExporter()
            .Build();
        return Task.CompletedTask;
    }

    /// <summary>Sends what is left.</summary>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        _provider?.Dispose();
        return Task.CompletedTask;
    }
}

internal static class TelemetryServices
{
    public static void AddTelemetry(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ServiceMetrics>();
        builder.Services.AddHostedService<Telemetry>();
    }
}
