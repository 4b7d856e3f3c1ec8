using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace WebApp.Tests;

public sealed class LimitTests(TunedModels models)
{
    [Fact]
    public async Task WhatIsNoRequestIsRefusedAndSaysWhy()
    {
        await using var service = await RunningService.Start(models.First);

        foreach (var (body, expected) in BadRequests.All)
        {
            using var content = body();
            using var response = await service.Client.PostAsync("/api/answers", content);

            var text = await response.Content.ReadAsStringAsync();
            Assert.True(response.StatusCode == expected, $"{response.StatusCode} instead of {expected}: {text}");
            Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
            Assert.Equal((int)expected, JsonDocument.Parse(text).RootElement.GetProperty("status").GetInt32());
        }
        await service.Ask("Is anything broken?", "yes", "no");
    }

    [Theory]
    [InlineData("", "a|b", "question", "Write a question.")]
    [InlineData("Who?", "a", "choices", "Give 2 to 5 choices.")]
    [InlineData("Who?", "a|b|c|d|e|f", "choices", "Give 2 to 5 choices.")]
    [InlineData("Who?", "a| ", "choices", "Write something in every choice.")]
    [InlineData("Who?", "a|b|a", "choices", "Two choices are the same.")]
    public async Task EachFieldSaysWhatIsWrongWithIt(string question, string choices, string field, string message)
    {
        await using var service = await RunningService.Start(models.First);

        using var response = await service.Post(question, choices.Split('|'));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        var errors = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("errors");
        Assert.Equal(message, errors.GetProperty(field)[0].GetString());
    }

    [Fact]
    public async Task APromptThatIsTooLongIsRefusedAndNotCut()
    {
        await using var service = await RunningService.Start(models.First, "--Serving:MaximumPromptTokens=40");

        await service.Ask("Short?", "yes", "no");
        using var response = await service.Post(string.Join(' ', Enumerable.Repeat("zebra", 60)), "yes", "no");

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("40 is the most", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ABodyThatIsTooLargeIsNotRead()
    {
        await using var service = await RunningService.Start(models.First, "--Serving:MaximumBodyBytes=1000");

        using var announced = await service.Post(new string('x', 2000), "yes", "no");
        using var unannounced = await service.Client.SendAsync(new HttpRequestMessage(HttpMethod.Post, "/api/answers")
        {
            Content = new StringContent($$"""{"question":"{{new string('x', 2000)}}","choices":["a","b"]}""", Encoding.UTF8, "application/json"),
            Headers = { TransferEncodingChunked = true },
        });

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, announced.StatusCode);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, unannounced.StatusCode);
    }

    [Fact]
    public async Task PagesOfOtherSitesMayNotAsk()
    {
        await using var service = await RunningService.Start(models.First);
        var own = service.Client.BaseAddress!.GetLeftPart(UriPartial.Authority);

        Assert.Equal(HttpStatusCode.Forbidden, await Stop(("Origin", "https://elsewhere.example")));
        Assert.Equal(HttpStatusCode.Forbidden, await Stop(("Origin", "null")));
        Assert.Equal(HttpStatusCode.Conflict, await Stop(("Origin", own)));
        Assert.Equal(HttpStatusCode.Conflict, await Stop(("X-Nothing", "1")));
        Assert.Equal(HttpStatusCode.BadRequest, await Stop(("Host", "elsewhere.example")));

        async Task<HttpStatusCode> Stop((string Name, string Value) header)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/api/training/stop");
            request.Headers.TryAddWithoutValidation(header.Name, header.Value);
            using var response = await service.Client.SendAsync(request);
            return response.StatusCode;
        }
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/training.html")]
    public async Task PagesHaveNothingThatTheirPolicyForbids(string path)
    {
        await using var service = await RunningService.Start(models.First);

        using var response = await service.Client.GetAsync(path);

        var page = await response.Content.ReadAsStringAsync();
        Assert.Contains("script-src 'self';", response.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.DoesNotMatch("<script(?![^>]*src=)|<style| style=| on[a-z]+=|https?://", page);
        foreach (Match asset in Regex.Matches(page, "(?:src|href)=\"([^\"#]+)\""))
            Assert.Equal(HttpStatusCode.OK, (await service.Client.GetAsync(asset.Groups[1].Value)).StatusCode);
    }

    [Fact]
    public async Task SettingsThatMakeNoSenseEndTheStart()
    {
        var error = await Assert.ThrowsAnyAsync<Exception>(() => RunningService.Start(null, "--Training:AtFirstStart=false", "--Serving:QueueLength=0"));

        Assert.Contains("QueueLength", error.Message, StringComparison.Ordinal);
    }
}

/// <summary>Bodies that are no requests, and how they are refused.</summary>
internal static class BadRequests
{
    public static IReadOnlyList<(Func<HttpContent> Body, HttpStatusCode Expected)> All { get; } =
    [
        (() => Json(""), HttpStatusCode.BadRequest),
        (() => Json("null"), HttpStatusCode.BadRequest),
        (() => Json("{"), HttpStatusCode.BadRequest),
        (() => Json("[]"), HttpStatusCode.BadRequest),
        (() => Json("{}"), HttpStatusCode.BadRequest),
        (() => Json("""{"question":1,"choices":["a","b"]}"""), HttpStatusCode.BadRequest),
        (() => Json("""{"question":"Who?","choices":"a"}"""), HttpStatusCode.BadRequest),
        (() => Json("""{"question":"Who?","choices":[null,"b"]}"""), HttpStatusCode.BadRequest),
        (() => Json("""{"question":"\ud800","choices":["a","b"]}"""), HttpStatusCode.BadRequest),
        (() => Json($$"""{"question":"Who?","choices":[{{string.Join(',', Enumerable.Range(0, 500).Select(i => $"\"{i}\""))}}]}"""), HttpStatusCode.BadRequest),
        (() => Json($$"""{"question":"{{string.Join(' ', Enumerable.Repeat("why", 3000))}}","choices":["a","b"]}"""), HttpStatusCode.BadRequest),
        (() => Json(string.Concat(Enumerable.Repeat("[", 5000))), HttpStatusCode.BadRequest),
        (() => Json($$"""{"question":"{{new string('x', 100_000)}}","choices":["a","b"]}"""), HttpStatusCode.RequestEntityTooLarge),
        (() => Bytes([0xff, 0xfe, 0x7b, 0x80], "application/json"), HttpStatusCode.BadRequest),
        (() => Bytes([1, 2, 3], "application/octet-stream"), HttpStatusCode.UnsupportedMediaType),
        (() => new StringContent("""{"question":"Who?","choices":["a","b"]}""", Encoding.UTF8, "text/plain"), HttpStatusCode.UnsupportedMediaType),
    ];

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    private static ByteArrayContent Bytes(byte[] body, string type)
    {
        var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue(type);
        return content;
    }
}
