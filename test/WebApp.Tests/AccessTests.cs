using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace WebApp.Tests;

/// <summary>Who may train.</summary>
public sealed class AccessTests(TunedModels models)
{
    private const string Key = "a-key-of-twenty-four-ch.";

    private static readonly string[] Changes = ["/api/training", "/api/training/stop", "/api/training/deploy"];

    [Fact]
    public async Task WithAKeyItIsNeededForEveryChange()
    {
        await using var service = await RunningService.Start(models.First, $"--Training:Key={Key}");

        foreach (var path in Changes)
        {
            foreach (var wrong in (string?[])[null, "Bearer", "Bearer ", $"Bearer {Key}x", $"Bearer {Key[..^1]}", $"Basic {Key}", Key])
            {
                using var refused = await Post(service, path, ("Authorization", wrong));
                Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
                Assert.Equal("Bearer", refused.Headers.WwwAuthenticate.Single().Scheme);
                Assert.Contains("Authorization: Bearer KEY", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            }
            using var taken = await Post(service, path, ("Authorization", $"Bearer {Key}"));
            Assert.Equal(path == "/api/training" ? HttpStatusCode.BadRequest : HttpStatusCode.Conflict, taken.StatusCode);
        }
        Assert.Equal("Key", await Right(service));
        await service.Ask("Who?", "he", "she");
    }

    [Theory]
    [InlineData("http://0.0.0.0:0")]
    [InlineData("http://[::]:0")]
    [InlineData("http://*:0")]
    [InlineData("http://127.0.0.1:0;http://0.0.0.0:0")]
    public async Task BeyondThisMachineItIsOffWithoutAKey(string urls)
    {
        await using var service = await RunningService.Start(models.First, $"--urls={urls}");

        foreach (var path in Changes)
        {
            using var refused = await Post(service, path);
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
            Assert.Contains("Training:Key", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
        Assert.Equal("Nobody", await Right(service));
        await service.Ask("Who?", "he", "she");
    }

    [Fact]
    public async Task BeyondThisMachineTheKeyOpensIt()
    {
        await using var service = await RunningService.Start(models.First, "--urls=http://0.0.0.0:0", $"--Training:Key={Key}");

        using var taken = await Post(service, "/api/training/stop", ("Authorization", $"Bearer {Key}"));

        Assert.Equal(HttpStatusCode.Conflict, taken.StatusCode);
    }

    [Theory]
    [InlineData("X-Forwarded-For", "203.0.113.7")]
    [InlineData("Forwarded", "for=203.0.113.7")]
    [InlineData("Via", "1.1 proxy")]
    public async Task WhatAProxyBringsIsNotOfThisMachine(string header, string value)
    {
        await using var service = await RunningService.Start(models.First);

        using var refused = await Post(service, "/api/training/stop", (header, value));

        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, (await Post(service, "/api/training/stop")).StatusCode);
    }

    [Fact]
    public async Task AnotherNameForThisMachineDoesNotOpenIt()
    {
        await using var service = await RunningService.Start(models.First, "--AllowedHosts=*");

        using var refused = await Post(service, "/api/training/stop", ("Host", "rebound.example"));

        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
    }

    [Fact]
    public async Task AKeyThatIsEasilyGuessedEndsTheStart()
    {
        var error = await Assert.ThrowsAnyAsync<Exception>(() => RunningService.Start(null, "--Training:AtFirstStart=false", "--Training:Key=secret"));

        Assert.Contains("at least 16 characters", error.Message, StringComparison.Ordinal);
    }

    private static async Task<HttpResponseMessage> Post(RunningService service, string path, params (string Name, string? Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        // Who may not train is told so, whatever the body is.
        if (path == "/api/training")
            request.Content = new StringContent("[]", new MediaTypeHeaderValue("application/json"));
        foreach (var (name, value) in headers)
        {
            if (value is not null)
                request.Headers.TryAddWithoutValidation(name, value);
        }
        return await service.Client.SendAsync(request);
    }

    private static async Task<string?> Right(RunningService service) =>
        (await service.Client.GetFromJsonAsync<JsonElement>("/api/training")).GetProperty("right").GetString();
}
