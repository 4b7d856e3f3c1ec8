using System.Diagnostics;
using System.Text.Json;
using EverydayWorld;
using Microsoft.AspNetCore.Builder;
using WebApp.Tuning;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>What a service answered in a stretch of time.</summary>
/// <param name="PerSecond">Answers per second.</param>
/// <param name="P50">The median latency in milliseconds.</param>
/// <param name="P99">The latency that 1 % exceed.</param>
/// <param name="Processor">Processor milliseconds per answer, of the service and the clients together.</param>
/// <param name="Failures">Answers that were none.</param>
internal sealed record LoadResult(double PerSecond, double P50, double P99, double Processor, int Failures)
{
    public static LoadResult Median(IEnumerable<LoadResult> results)
    {
        var all = results.ToList();
        return new LoadResult(Middle(r => r.PerSecond), Middle(r => r.P50), Middle(r => r.P99), Middle(r => r.Processor), all.Sum(r => r.Failures));

        double Middle(Func<LoadResult, double> value) => all.Select(value).Order().ElementAt(all.Count / 2);
    }

    public override string ToString() =>
        FormattableString.Invariant(
            $"{PerSecond:f0}/s, p50 {P50:f1} ms, p99 {P99:f1} ms, {Processor:f2} processor ms each{(Failures > 0 ? $", {Failures} FAILED" : "")}");
}

/// <summary>The service on a free loopback port, and clients in the same process that keep asking it.</summary>
internal sealed class WebLoad : IAsyncDisposable
{
    // After the other service was busy: connections and queues fill again.
    private static readonly TimeSpan RunUp = TimeSpan.FromMilliseconds(300);

    private readonly WebApplication _app;
    private readonly HttpClient _client;
    private readonly byte[][] _questions =
    [
        .. TrainingQuestions.Make(Part.Test, 500, seed: 9).Select(row => row.Text.Split('\n')).Select(lines =>
            JsonSerializer.SerializeToUtf8Bytes(new { question = lines[0], choices = lines.Skip(1).Select(line => line.Split(": ")[1]) })),
    ];

    private WebLoad(WebApplication app)
    {
        _app = app;
        _client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
    }

    public static async Task<WebLoad> Start(string model, params string[] settings)
    {
        var app = WebApp.Program.Build(
            ["--urls", "http://127.0.0.1:0", $"--Model:Path={model}", "--Logging:LogLevel:Default=None", "--Serving:QueueLength=10000", .. settings]);
        await app.StartAsync();
        var load = new WebLoad(app);
        while (!(await load._client.GetAsync("/ready")).IsSuccessStatusCode)
            await Task.Delay(20);
        return load;
    }

    public async Task<LoadResult> Run(int clients, TimeSpan duration)
    {
        await Ask(clients, RunUp);
        var before = Environment.CpuUsage.TotalTime;
        var started = Stopwatch.GetTimestamp();
        var (latencies, failures) = await Ask(clients, duration);
        var elapsed = Stopwatch.GetElapsedTime(started);
        var processor = Environment.CpuUsage.TotalTime - before;
        latencies.Sort();
        return new LoadResult(
            latencies.Count / elapsed.TotalSeconds, latencies[latencies.Count / 2], latencies[latencies.Count * 99 / 100],
            processor.TotalMilliseconds / latencies.Count, failures);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _app.DisposeAsync();
    }

    private async Task<(List<double> Latencies, int Failures)> Ask(int clients, TimeSpan duration)
    {
        var started = Stopwatch.GetTimestamp();
        var results = await Task.WhenAll(Enumerable.Range(0, clients).Select(async client =>
        {
            var latencies = new List<double>();
            var failures = 0;
            for (var i = client * 7; Stopwatch.GetElapsedTime(started) < duration; i++)
            {
                var asked = Stopwatch.GetTimestamp();
                using var content = new ByteArrayContent(_questions[i % _questions.Length]) { Headers = { ContentType = new("application/json") } };
                using var response = await _client.PostAsync("/api/answers", content);
                failures += response.IsSuccessStatusCode ? 0 : 1;
                latencies.Add(Stopwatch.GetElapsedTime(asked).TotalMilliseconds);
            }
            return (latencies, failures);
        }));
        return ([.. results.SelectMany(result => result.latencies)], results.Sum(result => result.failures));
    }
}
