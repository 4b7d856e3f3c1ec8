using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.RegularExpressions;
using WebApp.Answers;

namespace WebApp.Tests;

/// <summary>The program as a process of its own.</summary>
public sealed partial class ProcessTests(TunedModels models)
{
    [Fact]
    public async Task AThousandBadRequestsAreRefusedAndLeaveNothingBehind()
    {
        const long Slack = 64 << 20;
        using var process = Start();
        using var end = new ProcessEnd(process);
        using var client = new HttpClient { BaseAddress = await AddressOf(process) };
        await BecomeReady(client);
        await Refuse(client, 400);
        process.Refresh();
        var before = process.WorkingSet64;

        await Refuse(client, 1000);

        process.Refresh();
        Assert.False(process.HasExited);
        Assert.InRange(process.WorkingSet64, 0, before + Slack);
        using var response = await client.PostAsJsonAsync("/api/answers", new AnswerRequest("Are you alive?", ["yes", "no"]));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    /// <summary>MOKA_WATCHERS says how many watch at once in each round; what was measured is printed.</summary>
    [Fact]
    public async Task CrowdsOfWatchersLeaveNothingBehind()
    {
        const long Slack = 64 << 20;
        var watchers = Environment.GetEnvironmentVariable("MOKA_WATCHERS") is { } given ? int.Parse(given) : 300;
        using var process = Start();
        using var end = new ProcessEnd(process);
        var address = await AddressOf(process);
        using var client = new HttpClient { BaseAddress = address };
        await BecomeReady(client);
        var (sizes, slowest) = (new List<long>(), TimeSpan.Zero);
        for (var round = 0; round < 8; round++)
        {
            var crowd = await Task.WhenAll(Enumerable.Range(0, watchers).Select(_ =>
                RawConnection.Send(address, "GET /api/training/events HTTP/1.1", $"Host: {address.Authority}")));
            var began = Stopwatch.GetTimestamp();
            using (var health = await RawConnection.Send(address, "GET /health HTTP/1.1", $"Host: {address.Authority}", "Connection: close"))
                Assert.Equal(200, await health.Status());
            slowest = Stopwatch.GetElapsedTime(began) > slowest ? Stopwatch.GetElapsedTime(began) : slowest;
            var statuses = await Task.WhenAll(crowd.Select(one => one.Status()));
            Assert.Equal(watchers, statuses.Count(status => status == 200) + statuses.Count(status => status == 503));
            foreach (var one in crowd)
                one.Dispose();
            process.Refresh();
            sizes.Add(process.WorkingSet64);
        }

        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{watchers} watchers, working set after each round: {string.Join(", ", sizes.Select(size => $"{size / 1e6:0} MB"))}; " +
            $"health after {slowest.TotalMilliseconds:0} ms at most");
        Assert.InRange(sizes[^1], 0, sizes[1] + Slack);
    }

    /// <summary>MOKA_TRAININGS says how many; what was measured is printed.</summary>
    [Fact]
    public async Task TrainingsLeaveNothingBehind()
    {
        const long Slack = 64 << 20;
        var trainings = Environment.GetEnvironmentVariable("MOKA_TRAININGS") is { } given ? int.Parse(given) : 10;
        using var process = Start();
        using var end = new ProcessEnd(process);
        using var client = new HttpClient { BaseAddress = await AddressOf(process) };
        await BecomeReady(client);
        var sizes = new List<long>();
        for (var round = 0; round < trainings; round++)
        {
            await Train(client);
            process.Refresh();
            sizes.Add(process.WorkingSet64);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"working set after each training: {string.Join(", ", sizes.Select(size => $"{size / 1e6:0} MB"))}");
        Assert.InRange(sizes[^1], 0, sizes[1] + Slack);
    }

    [Fact]
    public async Task ToldToEndItFinishesWhatItAccepted()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There is no SIGTERM here.");
        using var process = Start("--Serving:BatchWindowMilliseconds=2500");
        using var end = new ProcessEnd(process);
        using var client = new HttpClient { BaseAddress = await AddressOf(process) };
        await BecomeReady(client);
        var asked = Enumerable.Range(0, 10).Select(i => client.PostAsJsonAsync("/api/answers", new AnswerRequest($"What is number {i}?", ["odd", "even"])))
            .ToList();
        await Task.Delay(1200);

        using var kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);

        Assert.All(await Task.WhenAll(asked), response => Assert.Equal(HttpStatusCode.OK, response.StatusCode));
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(0, process.ExitCode);
    }

    private static async Task BecomeReady(HttpClient client)
    {
        for (var deadline = DateTime.UtcNow.AddSeconds(60); (await client.GetAsync("/ready")).StatusCode != HttpStatusCode.OK; await Task.Delay(50))
            Assert.True(DateTime.UtcNow < deadline, "It did not become ready.");
    }

    private static async Task Train(HttpClient client)
    {
        // A run that says it has finished may hold its place for a moment more.
        HttpResponseMessage response;
        var request = new { questions = 128, epochs = 1 };
        for (var tries = 0; (response = await client.PostAsJsonAsync("/api/training", request)).StatusCode == HttpStatusCode.Conflict; tries++)
        {
            Assert.InRange(tries, 0, 100);
            await Task.Delay(50);
        }
        response.EnsureSuccessStatusCode();
        string state;
        while (!(state = await client.GetStringAsync("/api/training")).Contains("\"Finished\"", StringComparison.Ordinal))
        {
            Assert.DoesNotContain("\"Failed\"", state, StringComparison.Ordinal);
            await Task.Delay(50);
        }
    }

    private static Task Refuse(HttpClient client, int count) => Parallel.ForEachAsync(
        Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = 8 },
        async (i, cancellation) =>
        {
            var (body, expected) = BadRequests.All[i % BadRequests.All.Count];
            using var content = body();
            using var response = await client.PostAsync("/api/answers", content, cancellation);
            Assert.Equal(expected, response.StatusCode);
        });

    private static async Task<Uri> AddressOf(Process process)
    {
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (Listening().Match(line) is { Success: true } match)
                return new Uri(match.Groups[1].Value);
        }
        throw new InvalidOperationException("The program ended without listening.");
    }

    private Process Start(params string[] settings) => Process.Start(
        new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            [typeof(Program).Assembly.Location, "--urls", "http://127.0.0.1:0", $"--Model:Path={models.First}", .. settings])
        {
            RedirectStandardOutput = true,
            // Small budgets between collections, so that what grows is what is kept.
            Environment = { ["DOTNET_GCgen0size"] = "0x1000000" },
        })!;

    [GeneratedRegex("Now listening on: (http://.*)$")]
    private static partial Regex Listening();

    /// <summary>No process outlives its test.</summary>
    private sealed class ProcessEnd(Process process) : IDisposable
    {
        public void Dispose()
        {
            if (!process.HasExited)
                process.Kill();
            process.WaitForExit();
        }
    }
}
