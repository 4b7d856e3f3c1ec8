using System.Diagnostics;
using System.Net;

namespace WebApp.Tests;

/// <summary>Many who hold connections, by real sockets: there is a place for health, and for the others when they have gone.</summary>
public sealed class CrowdTests(TunedModels models)
{
    private const int Crowd = 600;

    [Fact]
    public async Task WatchersTakeNoPlaceFromOthers()
    {
        await using var service = await RunningService.Start(models.First);
        using var started = await service.Client.PostAsync("/api/training", new StringContent(
            """{"questions":64,"epochs":50,"seed":1}""", System.Text.Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.Accepted, started.StatusCode);

        var crowd = await Task.WhenAll(Enumerable.Range(0, Crowd).Select(_ => Watch(service)));
        var heads = await Task.WhenAll(crowd.Select(one => one.Head()));
        await HealthAnswers(service);

        Assert.Equal(100, heads.Count(head => head?[0] == "HTTP/1.1 200 OK"));
        var refused = heads.Where(head => head?[0] == "HTTP/1.1 503 Service Unavailable").ToList();
        Assert.Equal(Crowd - 100, refused.Count);
        Assert.All(refused, head =>
        {
            Assert.Contains("Connection: close", head!);
            Assert.Contains("Retry-After: 5", head!);
        });
        // Whoever is refused is told another way, and it works.
        Assert.Contains("GET /api/training", await crowd[Array.FindIndex(heads, head => head![0].Contains("503"))].Rest(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await service.Client.GetAsync("/api/training?run=1&first=3")).StatusCode);
        await service.Ask("Who?", "he", "she");

        foreach (var one in crowd)
            one.Dispose();
        await RunningService.Eventually(() =>
        {
            using var late = Watch(service).Result;
            return late.Status().Result == 200;
        });
    }

    [Fact]
    public async Task ConnectionsThatAskNothingAreClosedOldestFirst()
    {
        await using var service = await RunningService.Start(models.First, "--Serving:MaximumIdleConnections=50");
        var address = service.Client.BaseAddress!;
        var crowd = new List<RawConnection>();
        for (var i = 0; i < 300; i++)
            crowd.Add(await RawConnection.Open(address));
        await HealthAnswers(service);

        Assert.Equal("", await crowd[0].Rest());
        // The last ones are still there, and are answered when they ask.
        Assert.Equal(HttpStatusCode.OK, (await service.Client.GetAsync("/")).StatusCode);
        crowd.ForEach(one => one.Dispose());
    }

    [Fact]
    public async Task BodiesThatNeverComeKeepHealthFromNobody()
    {
        await using var service = await RunningService.Start(models.First, "--Serving:QueueLength=8", "--Serving:MaximumBatchRows=4");
        var crowd = await Task.WhenAll(Enumerable.Range(0, 8 + (2 * 4) + 256 + 40).Select(_ => RawConnection.Send(
            service.Client.BaseAddress!, "POST /api/answers HTTP/1.1", "Host: localhost", "Content-Type: application/json", "Content-Length: 100")));

        await RunningService.Eventually(() => service.Client.GetAsync("/api/model").Result.StatusCode == HttpStatusCode.ServiceUnavailable);
        await HealthAnswers(service);

        foreach (var one in crowd)
            one.Dispose();
        await RunningService.Eventually(() => service.Client.GetAsync("/api/model").Result.StatusCode == HttpStatusCode.OK);
    }

    private static Task<RawConnection> Watch(RunningService service) =>
        RawConnection.Send(service.Client.BaseAddress!, "GET /api/training/events HTTP/1.1", "Host: localhost");

    /// <summary>Within a second, on a connection of its own; a machine that is busy with other things is asked again.</summary>
    private static async Task HealthAnswers(RunningService service)
    {
        foreach (var path in (string[])["/health", "/ready"])
        {
            var fastest = TimeSpan.MaxValue;
            for (var asked = 0; asked < 5 && fastest > TimeSpan.FromSeconds(1); asked++)
            {
                var began = Stopwatch.GetTimestamp();
                using var connection = await RawConnection.Send(service.Client.BaseAddress!, $"GET {path} HTTP/1.1", "Host: localhost", "Connection: close");
                Assert.Equal(200, await connection.Status());
                var took = Stopwatch.GetElapsedTime(began);
                fastest = took < fastest ? took : fastest;
            }
            Assert.InRange(fastest.TotalSeconds, 0, 1);
        }
    }
}
