using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Checkpoints.Hub;

/// <summary>Hugging Face's hub API over HTTP: a model's files, what is known of each, and their bytes.</summary>
internal sealed class HubClient(HubSettings settings) : IDisposable
{
    private const int MaxRedirects = 10;
    private const int MaxTries = 5;

    // Redirects are followed here, so that the token stays with the hub.
    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        ConnectTimeout = TimeSpan.FromSeconds(30),
    }) { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>The commit that a revision is, and the paths of all its files.</summary>
    /// <exception cref="HttpRequestException">The hub does not answer, or refuses; the message says what to do.</exception>
    /// <exception cref="InvalidDataException">The answer is none of a hub's.</exception>
    public Task<(string Commit, HashSet<string> Paths)> ListAsync(HubName name, CancellationToken cancellation) => RetryAsync(async () =>
    {
        var uri = Address($"api/models/{name.Repository}/revision/{Uri.EscapeDataString(name.RevisionOrDefault)}");
        using var response = await SendAsync(HttpMethod.Get, uri, name, cancellation);
        var content = await ReadAsync(response, uri, cancellation);
        return JsonFields.Parse(content, $"The answer of {uri}", fields =>
        {
            var commit = fields.Text("sha");
            return HubName.IsCommit(commit)
                ? (commit, fields.Objects("siblings").Select(file => file.Text("rfilename")).ToHashSet(StringComparer.Ordinal))
                : throw fields.Error("sha", "is no commit");
        });
    }, cancellation);

    /// <summary>Hash and size of a file.</summary>
    /// <exception cref="InvalidDataException">The server gives no hash of it.</exception>
    public Task<HubFile> DescribeAsync(HubName name, string commit, string path, CancellationToken cancellation) => RetryAsync(async () =>
    {
        using var response = await SendAsync(HttpMethod.Head, AddressOf(name, commit, path), name, cancellation, until: HasTag);
        var tag = TagOf(response, linked: true) ?? TagOf(response, linked: false) ?? "";
        if (!HubFile.IsHash(tag))
            throw new InvalidDataException($"{AddressOf(name, commit, path)}: the server gives no hash of this file (ETag is '{tag}'), so that it cannot " +
                "be checked.");
        var size = response.Headers.TryGetValues("X-Linked-Size", out var values) && long.TryParse(values.First(), NumberStyles.None,
            CultureInfo.InvariantCulture, out var linked) ? linked
            : IsRedirect(response) ? null : response.Content.Headers.ContentLength;
        return new HubFile(path, tag, size);
    }, cancellation);

    /// <summary>Opens a file's bytes from <paramref name="start"/> on; the answer says whether the server gives them from there.</summary>
    public Task<HttpResponseMessage> OpenAsync(HubName name, string commit, string path, long start, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Get, AddressOf(name, commit, path), name, cancellation, start: start);

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, Uri uri, HubName name, CancellationToken cancellation, Func<HttpResponseMessage, bool>? until = null, long start = 0)
    {
        for (var redirects = 0; ; redirects++)
        {
            var response = await SendOnceAsync(method, uri, start, cancellation);
            if (!IsRedirect(response) || until?.Invoke(response) == true)
            {
                if (IsRedirect(response) || response.IsSuccessStatusCode || (start > 0 && response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable))
                    return response;
                using (response)
                    throw HubError.Of(response, name, settings);
            }
            using (response)
            {
                var next = response.Headers.Location is { } location ? new Uri(uri, location) : null;
                if (next is null || redirects == MaxRedirects || (next.Scheme != Uri.UriSchemeHttps && next.Scheme != uri.Scheme))
                    throw new InvalidDataException($"{uri.GetLeftPart(UriPartial.Path)}: the server redirects in a way that is not followed (to " +
                        $"'{next?.GetLeftPart(UriPartial.Path)}').");
                uri = next;
            }
        }
    }

    private async Task<HttpResponseMessage> SendOnceAsync(HttpMethod method, Uri uri, long start, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(method, uri);
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("moka", typeof(HubClient).Assembly.GetName().Version!.ToString()));
        // Lengths, ranges and hashes are of the bytes as they are.
        request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
        if (start > 0)
            request.Headers.Range = new RangeHeaderValue(start, null);
        if (settings.Token is { } token && IsHub(uri))
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        stall.CancelAfter(settings.StallTimeout);
        try
        {
            return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stall.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new HttpRequestException($"{uri.Authority} does not answer.");
        }
        catch (HttpRequestException e)
        {
            throw new HttpRequestException($"{uri.Authority} cannot be reached: {e.Message.TrimEnd('.')}. Check the network, a proxy (HTTPS_PROXY), and " +
                "HF_ENDPOINT.", e);
        }
    }

    private async Task<byte[]> ReadAsync(HttpResponseMessage response, Uri uri, CancellationToken cancellation)
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        stall.CancelAfter(settings.StallTimeout);
        try
        {
            await response.Content.LoadIntoBufferAsync(BackboneFiles.LargestText, stall.Token);
            return await response.Content.ReadAsByteArrayAsync(stall.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new HttpRequestException($"{uri.Authority} does not answer.");
        }
    }

    private async Task<T> RetryAsync<T>(Func<Task<T>> ask, CancellationToken cancellation)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                return await ask();
            }
            catch (HttpRequestException e) when (tries < MaxTries && HubError.IsPassing(e))
            {
                await Task.Delay(settings.RetryDelay * (1 << (tries - 1)), cancellation);
            }
        }
    }

    private bool IsHub(Uri uri) => Uri.Compare(uri, settings.Endpoint, UriComponents.SchemeAndServer, UriFormat.SafeUnescaped,
        StringComparison.OrdinalIgnoreCase) == 0;

    private Uri AddressOf(HubName name, string commit, string path) =>
        Address($"{name.Repository}/resolve/{commit}/{string.Join('/', path.Split('/').Select(Uri.EscapeDataString))}");

    private Uri Address(string path) => new($"{settings.Endpoint.AbsoluteUri.TrimEnd('/')}/{path}");

    // The storage that a file lies in has tags of its own kind: the hub's count.
    private bool HasTag(HttpResponseMessage redirect) => TagOf(redirect, linked: true) is not null
        || (TagOf(redirect, linked: false) is not null && redirect.Headers.Location is { IsAbsoluteUri: true } location && !IsHub(location));

    private static bool IsRedirect(HttpResponseMessage response) => response.StatusCode is HttpStatusCode.MovedPermanently or HttpStatusCode.Found
        or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;

    // As huggingface_hub has it: a file in large storage has a tag of its own.
    private static string? TagOf(HttpResponseMessage response, bool linked)
    {
        var tag = response.Headers.TryGetValues(linked ? "X-Linked-Etag" : "ETag", out var values) ? values.First() : null;
        tag = tag?.StartsWith("W/", StringComparison.Ordinal) == true ? tag[2..] : tag;
        return tag?.Trim('"');
    }
}
