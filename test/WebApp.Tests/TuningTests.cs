using System.Net;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text.Json;
using WebApp.Tuning;

namespace WebApp.Tests;

public sealed class TuningTests(TunedModels models)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    [Fact]
    public async Task AtFirstStartASmallModelIsTrained()
    {
        await using var service = await RunningService.Start(null, "--Training:FirstQuestions=64");

        await RunningService.Eventually(() => service.Version is not null);

        Assert.True(File.Exists(service.ModelPath));
        await service.Ask("What is the bell made of?", "wood", "metal");
        var state = await State(service);
        await RunningService.Eventually(() => State(service).Result.Phase == TuningPhase.InService);
        Assert.InRange(state.Untuned!.Value, 0.4, 1);
    }

    [Theory]
    [InlineData("""{"questions":1.5}""", "questions", "whole number")]
    [InlineData("""{"epochs":1e30}""", "epochs", "whole number")]
    [InlineData("""{"seed":null}""", "seed", "whole number")]
    [InlineData("""{"questions":"many"}""", "questions", "whole number")]
    [InlineData("""{"questions":1}""", "questions", "from 64 to 5000")]
    [InlineData("not json", null, "no JSON object")]
    [InlineData("", null, "no JSON object")]
    [InlineData("[]", null, "no JSON object")]
    public async Task ABodyThatCannotBeReadIsToldWhatIsWrong(string body, string? field, string message)
    {
        await using var service = await RunningService.Start(models.First);

        using var response = await service.Client.PostAsync("/api/training", new StringContent(body, System.Text.Encoding.UTF8, "application/json"));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        var problem = await response.Content.ReadFromJsonAsync<JsonElement>();
        var said = field is null ? problem.GetProperty("detail").GetString() : problem.GetProperty("errors").GetProperty(field)[0].GetString();
        Assert.Contains(message, said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ARunIsWatchedStoppedAndPutIntoService()
    {
        await using var service = await RunningService.Start(models.First);
        var before = service.Version;

        using var started = await Start(service, epochs: 50);
        Assert.Equal(HttpStatusCode.Accepted, started.StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, (await Start(service, epochs: 1)).StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, (await service.Client.PostAsync("/api/training/deploy", null)).StatusCode);

        var curve = new List<TuningPoint>();
        var last = default(TuningState);
        await foreach (var state in Events(service))
        {
            Assert.Equal(curve.Count, state.First);
            curve.AddRange(state.Points);
            last = state;
            if (state.Phase == TuningPhase.Training && curve.Count >= 12)
                Assert.Contains((await service.Client.PostAsync("/api/training/stop", null)).StatusCode,
                    (HttpStatusCode[])[HttpStatusCode.Accepted, HttpStatusCode.Conflict]);
            // Training does not keep the service from answering.
            await service.Ask("Who?", "he", "she");
            if (state.Phase == TuningPhase.Stopped)
                break;
        }

        Assert.Equal(Enumerable.Range(1, curve.Count), curve.Select(point => point.Step));
        Assert.True(curve.Count < last!.Steps);
        Assert.Contains(curve, point => point.Validation > 0);
        Assert.NotNull(last.Tuned);
        Assert.Equal(before, service.Version);

        using var deployed = await service.Client.PostAsync("/api/training/deploy", null);
        Assert.Equal(HttpStatusCode.OK, deployed.StatusCode);
        Assert.NotEqual(before, service.Version);
        Assert.Equal(service.Version, (await service.Ask("Who?", "he", "she")).Model);
        Assert.Equal(TuningPhase.InService, (await State(service)).Phase);
    }

    [Fact]
    public async Task AModelThatCannotBeSavedIsTold()
    {
        await using var service = await RunningService.Start(models.First);
        await Start(service, epochs: 1);
        await RunningService.Eventually(() => State(service).Result.Phase == TuningPhase.Finished);
        File.Delete(service.ModelPath);
        Directory.CreateDirectory(service.ModelPath);

        using var response = await service.Client.PostAsync("/api/training/deploy", null);

        Assert.Equal(HttpStatusCode.Conflict, response.StatusCode);
        Assert.Contains("cannot be saved", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await service.Ask("Who?", "he", "she");
    }

    [Fact]
    public async Task WhoComesLateSeesTheWholeCurve()
    {
        await using var service = await RunningService.Start(models.First);
        await Start(service, epochs: 1);
        await RunningService.Eventually(() => State(service).Result.Phase == TuningPhase.Finished);

        var state = await State(service);
        var seen = await Events(service).FirstAsync();

        Assert.Equal(state.Steps, seen.Points.Count);
        Assert.Equal(0, seen.First);
    }

    [Fact]
    public async Task StoppingTheServiceEndsRunsAndStreams()
    {
        await using var service = await RunningService.Start(models.First);
        await Start(service, epochs: 50);
        var watching = Task.Run(async () => await Events(service).LastAsync());
        await RunningService.Eventually(() => State(service).Result.Points.Count > 0);

        await service.App.StopAsync().WaitAsync(TimeSpan.FromSeconds(20));

        Assert.NotEqual(TuningPhase.Idle, (await watching).Phase);
    }

    [Theory]
    [InlineData(10, 1)]
    [InlineData(100_000, 1)]
    [InlineData(64, 0)]
    [InlineData(64, 1000)]
    public async Task ARunThatMakesNoSenseIsRefused(int questions, int epochs)
    {
        await using var service = await RunningService.Start(models.First);

        Assert.Equal(HttpStatusCode.BadRequest, (await Start(service, epochs, questions)).StatusCode);
        Assert.Equal(TuningPhase.Idle, (await State(service)).Phase);
    }

    [Fact]
    public async Task TrainingCanBeTurnedOff()
    {
        await using var service = await RunningService.Start(models.First, "--Training:Enabled=false");

        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await Start(service, epochs: 1)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await service.Client.PostAsync("/api/training/deploy", null)).StatusCode);
    }

    private static Task<HttpResponseMessage> Start(RunningService service, int epochs, int questions = 64) =>
        service.Client.PostAsJsonAsync("/api/training", new { questions, epochs, seed = 3 });

    private static async Task<TuningState> State(RunningService service) => (await service.Client.GetFromJsonAsync<TuningState>("/api/training", Json))!;

    private static async IAsyncEnumerable<TuningState> Events(RunningService service)
    {
        using var stream = await service.Client.GetStreamAsync("/api/training/events");
        await foreach (var item in SseParser.Create(stream, (_, data) => JsonSerializer.Deserialize<TuningState>(data, Json)!).EnumerateAsync())
            yield return item.Data;
    }
}
