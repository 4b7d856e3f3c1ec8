using System.Net;
using System.Text.Json;

namespace WebApp.Tests;

/// <summary>Requests that a page of another site makes a browser send, as they are on the wire.</summary>
public sealed class OriginTests(TunedModels models)
{
    [Fact]
    public async Task OnlyOwnPagesAndProgramsChangeSomething()
    {
        await using var service = await RunningService.Start(models.First);
        var address = service.Client.BaseAddress!;
        var own = address.GetLeftPart(UriPartial.Authority);
        var host = $"Host: {address.Authority}";

        foreach (var taken in (string[][])
        [
            [host], [host, $"Origin: {own}"], [host, $"Origin: {own.Replace("http:", "https:")}"], [host, "Sec-Fetch-Site: same-origin"],
            [host, "Sec-Fetch-Site: none"], [host, $"Origin: {own}", "Sec-Fetch-Site: same-origin"],
        ])
            Assert.Equal(409, await Stop(taken));
        foreach (var refused in (string[][])
        [
            [host, "Origin: https://elsewhere.example"], [host, "Origin: null"], [host, "Origin:"], [host, "Origin: file://"],
            [host, $"Origin: {own}", "Origin: https://elsewhere.example"], [host, "Origin: https://elsewhere.example", $"Origin: {own}"],
            [host, $"Origin: {own}", $"Origin: {own}"], [host, $"Origin: {own}, https://elsewhere.example"], [host, $"Origin: {own} https://elsewhere.example"],
            [host, $"Origin: {own}/path"], [host, $"Origin: {own.Replace("//", "//user@")}"], [host, "Origin: http://127.0.0.1:1"],
            [host, "Sec-Fetch-Site: cross-site"], [host, "Sec-Fetch-Site: same-site"], [host, "Sec-Fetch-Site: something-new"], [host, "Sec-Fetch-Site:"],
            [host, "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"], [host, $"Origin: {own}", "Sec-Fetch-Site: cross-site"],
            [host, "sec-fetch-site: cross-site", $"origin: {own}"],
        ])
            Assert.True(await Stop(refused) == 403, string.Join(", ", refused));
        foreach (var nameless in (string[][])
        [
            [], ["Host:"], [host, host], ["Host: elsewhere.example"], ["Host: elsewhere.example", "Origin: http://elsewhere.example"],
        ])
            Assert.True(await Stop(nameless) is 400 or 403, string.Join(", ", nameless));
        // The version before 1.1 needs no Host, and gets nothing changed.
        using var old = await RawConnection.Send(address, "POST /api/training/stop HTTP/1.0", "Content-Length: 0");
        Assert.Equal(403, await old.Status());
        // What is looked at, others may look at too: their pages cannot read it.
        Assert.Equal(HttpStatusCode.OK, (await service.Client.GetAsync("/api/training")).StatusCode);

        async Task<int> Stop(string[] headers)
        {
            using var connection = await RawConnection.Send(
                address, ["POST /api/training/stop HTTP/1.1", .. headers, "Content-Length: 0", "Connection: close"]);
            return await connection.Status();
        }
    }

    [Theory]
    [InlineData("POST /api/training/stop", "Origin: https://elsewhere.example", "pages of other sites")]
    [InlineData("GET /", "Host: elsewhere.example", "AllowedHosts")]
    [InlineData("GET /nothing", "", "There is nothing at this address")]
    [InlineData("DELETE /api/answers", "", "in another way")]
    [InlineData("GET /api/training?first=x", "", "behind the '?'")]
    public async Task EveryRefusalSaysWhatToDo(string request, string header, string expected)
    {
        await using var service = await RunningService.Start(models.First);
        var address = service.Client.BaseAddress!;
        var host = header.StartsWith("Host", StringComparison.Ordinal) ? header : $"Host: {address.Authority}";
        var more = header == host || header.Length == 0 ? "X-Nothing: 1" : header;

        using var connection = await RawConnection.Send(address, $"{request} HTTP/1.1", host, more, "Content-Length: 0", "Connection: close");

        var head = await connection.Head();
        var text = await connection.Rest();
        Assert.Contains("Content-Type: application/problem+json", head!);
        var body = JsonDocument.Parse(text[text.IndexOf('{')..(text.LastIndexOf('}') + 1)]).RootElement;
        Assert.Contains(expected, body.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }
}
