using Microsoft.Extensions.Primitives;

namespace WebApp.Hosting;

/// <summary>
/// Where a request comes from. Browsers say it in Origin and Sec-Fetch-Site, which no page can change; programs that are no browsers send neither. What is
/// said twice, or is not understood, is not believed.
/// </summary>
internal static class RequestOrigin
{
    /// <summary>Whether a program has sent it, or a page of this service.</summary>
    public static bool IsOwn(HttpRequest request) =>
        // Every browser names the host that it asks; without one there is nothing to compare with.
        request.Host.HasValue && IsOwnSite(request.Headers["Sec-Fetch-Site"]) && IsOwnOrigin(request.Headers.Origin, request);

    /// <summary>"none" is what the user has asked for without a page.</summary>
    private static bool IsOwnSite(StringValues site) => site.Count == 0 || (site.Count == 1 && site[0] is "same-origin" or "none");

    private static bool IsOwnOrigin(StringValues origin, HttpRequest request)
    {
        if (origin.Count == 0)
            return true;
        return origin.Count == 1 && Uri.TryCreate(origin[0], UriKind.Absolute, out var uri)
            && uri.GetLeftPart(UriPartial.Authority).Equals(origin[0], StringComparison.OrdinalIgnoreCase)
            && uri.UserInfo.Length == 0 && uri.Authority.Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase)
            // A proxy in front may have TLS where this service has none; the other way round it is another origin.
            && (uri.Scheme == Uri.UriSchemeHttps || uri.Scheme == request.Scheme);
    }
}
