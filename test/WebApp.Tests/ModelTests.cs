using System.IO.Compression;
using System.Net;
using System.Text.Json;

namespace WebApp.Tests;

public sealed class ModelTests(TunedModels models)
{
    [Fact]
    public async Task SwappingTheModelUnderLoadDropsNothing()
    {
        await using var service = await RunningService.Start(models.First);
        var first = service.Version;
        using var end = new CancellationTokenSource();
        var clients = Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            var answers = new List<(string Model, float[] Probabilities)>();
            while (!end.IsCancellationRequested)
            {
                var answer = await service.Ask("What is the bell made of?", "wood", "metal", "glass");
                answers.Add((answer.Model, [.. answer.Choices.Select(choice => choice.Probability)]));
            }
            return answers;
        })).ToList();

        var versions = new HashSet<string> { first! };
        foreach (var file in (string[])[models.Second, models.First, models.Second])
        {
            var before = service.Version;
            service.Replace(file);
            await RunningService.Eventually(() => service.Version != before);
            versions.Add(service.Version!);
            await Task.Delay(200);
        }
        await end.CancelAsync();
        var all = (await Task.WhenAll(clients)).SelectMany(answers => answers).ToList();

        Assert.Equal(2, versions.Count);
        Assert.Equal(versions, all.Select(answer => answer.Model).ToHashSet());
        // Each version gives its own answer, whoever asks and whenever.
        Assert.All(all.GroupBy(answer => answer.Model), answers => Assert.Single(answers.Select(answer => string.Join(' ', answer.Probabilities)).Distinct()));
        Assert.Equal(2, all.Select(answer => string.Join(' ', answer.Probabilities)).Distinct().Count());
    }

    [Fact]
    public async Task AFileThatIsNoModelLeavesTheOldOneInServiceAndIsTold()
    {
        await using var service = await RunningService.Start(models.First);
        var version = service.Version;
        var damaged = service.ModelPath + ".damaged";
        await File.WriteAllBytesAsync(damaged, (await File.ReadAllBytesAsync(models.Second))[..^1000]);

        service.Replace(damaged);
        await RunningService.Eventually(() => Ready().Result.Detail is not null);

        var (status, detail) = await Ready();
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Contains("model.zip was refused", detail, StringComparison.Ordinal);
        Assert.Equal(version, (await service.Ask("Who?", "he", "she")).Model);
        Assert.Contains("refused", await service.Client.GetStringAsync("/api/model"), StringComparison.Ordinal);

        var edited = service.ModelPath + ".edited";
        File.Copy(models.Second, edited);
        await using (var zip = await ZipFile.OpenAsync(edited, ZipArchiveMode.Update))
        {
            var entry = zip.Entries.Single(entry => entry.Name == "moka.json");
            var stream = await entry.OpenAsync();
            stream.SetLength(0);
            await using var writer = new StreamWriter(stream);
            await writer.WriteAsync("{\"version\": 77}");
        }
        service.Replace(edited);
        await RunningService.Eventually(() => Ready().Result.Detail?.Contains("'version'", StringComparison.Ordinal) == true);
        Assert.Contains("the field 'version' must be", await service.Client.GetStringAsync("/api/model"), StringComparison.Ordinal);

        service.Replace(models.Second);
        await RunningService.Eventually(() => service.Version != version);
        Assert.Null((await Ready()).Detail);

        File.Delete(service.ModelPath);
        await RunningService.Eventually(() => Ready().Result.Detail is not null);
        await service.Ask("Who?", "he", "she");

        async Task<(HttpStatusCode Status, string? Detail)> Ready()
        {
            using var response = await service.Client.GetAsync("/ready");
            return (response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("detail").GetString());
        }
    }

    [Fact]
    public async Task WithoutAModelTheServiceLivesAndIsNotReady()
    {
        await using var service = await RunningService.Start(null, "--Training:AtFirstStart=false");

        Assert.Equal(HttpStatusCode.OK, (await service.Client.GetAsync("/health")).StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await service.Client.GetAsync("/ready")).StatusCode);
        using var response = await service.Post("Who?", "he", "she");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.NotNull(response.Headers.RetryAfter);

        service.Replace(models.First);
        await RunningService.Eventually(() => service.Version is not null);
        Assert.Equal(HttpStatusCode.OK, (await service.Client.GetAsync("/ready")).StatusCode);
    }
}
