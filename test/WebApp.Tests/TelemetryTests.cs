using System.Net;
using System.Text;

namespace WebApp.Tests;

public sealed class TelemetryTests(TunedModels models)
{
    [Fact]
    public async Task MetricsGoToACollector()
    {
        using var collector = Collector(out var address);
        await using var service =
            await RunningService.Start(models.First, $"--OTEL_EXPORTER_OTLP_ENDPOINT={address}", "--OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf");
        await service.Ask("Who?", "he", "she");
        var received = Receive(collector);

        await service.App.StopAsync();

        var (path, body) = await received.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal("/v1/metrics", path);
        foreach (var name in (string[])["moka-webapp", "moka.batch.rows", "moka.answer.duration", "moka.queue.length", "http.server.request.duration",
            "dotnet.gc.collections"])
            Assert.Contains(name, body, StringComparison.Ordinal);
    }

    private static HttpListener Collector(out string address)
    {
        while (true)
        {
            var listener = new HttpListener();
            address = $"http://127.0.0.1:{Random.Shared.Next(20_000, 60_000)}/";
            listener.Prefixes.Add(address);
            try
            {
                listener.Start();
                return listener;
            }
            catch (HttpListenerException)
            {
                // The port is taken: another one.
            }
        }
    }

    private static async Task<(string? Path, string Body)> Receive(HttpListener collector)
    {
        var context = await collector.GetContextAsync();
        using var body = new MemoryStream();
        await context.Request.InputStream.CopyToAsync(body);
        context.Response.Close();
        return (context.Request.Url?.AbsolutePath, Encoding.Latin1.GetString(body.ToArray()));
    }
}
