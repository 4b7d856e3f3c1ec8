using System.Net;

namespace Microsoft.ML.Moka.Checkpoints.Hub;

/// <summary>What a refusal of the hub means to whoever asked.</summary>
internal static class HubError
{
    public static HttpRequestException Of(HttpResponseMessage response, HubName name, HubSettings settings)
    {
        var (status, uri) = (response.StatusCode, response.RequestMessage!.RequestUri!);
        var code = response.Headers.TryGetValues("X-Error-Code", out var values) ? values.First() : "";
        var page = $"{settings.Endpoint.AbsoluteUri.TrimEnd('/')}/{name.Repository}";
        var login = "make a token at https://huggingface.co/settings/tokens and put it into the environment variable HF_TOKEN";
        var message = (status, code, settings.Token is not null) switch
        {
            // The storage that the hub redirects to knows nothing of models and tokens.
            _ when uri.Authority != settings.Endpoint.Authority => General(),
            (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden, "GatedRepo", false) =>
                $"'{name.Repository}' is gated: accept its terms at {page}, then {login}.",
            (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden, "GatedRepo", true) =>
                $"'{name.Repository}' is gated, and the token in use has no access to it: accept its terms at {page} with the token's account, and wait " +
                    "until its " +
                "owner agrees; a fine-grained token also needs the permission to read gated repositories.",
            (HttpStatusCode.Unauthorized, _, false) =>
                $"The hub knows no public model '{name.Repository}': check the spelling. If it is private or gated, accept its terms at {page} and {login}.",
            (HttpStatusCode.Unauthorized, _, true) =>
                $"The hub does not let this token read '{name.Repository}': check the spelling of the name, and that HF_TOKEN holds a token that is valid.",
            (HttpStatusCode.Forbidden, _, false) => $"The hub refuses '{name.Repository}' to whoever is not logged in: {login}.",
            (HttpStatusCode.Forbidden, _, true) => $"The hub refuses '{name.Repository}' to this token: it needs the permission to read the model; see {page}.",
            (HttpStatusCode.NotFound, "RevisionNotFound", _) => $"'{name.Repository}' has no revision '{name.RevisionOrDefault}': see {page}/refs for its " +
                "branches and tags.",
            (HttpStatusCode.NotFound, "EntryNotFound", _) => $"'{name.Repository}' has no file at {uri.AbsolutePath}, although its list names it: try again.",
            (HttpStatusCode.NotFound, _, _) =>
                $"The hub {settings.Endpoint.Authority} has no model '{name.Repository}' with the revision '{name.RevisionOrDefault}': check the spelling.",
            (HttpStatusCode.TooManyRequests, _, false) => $"The hub asks to wait ({Status(status)}): try again later, or {login}, as whoever is logged in " +
                "may ask more often.",
            (HttpStatusCode.TooManyRequests, _, true) => $"The hub asks to wait ({Status(status)}): try again later.",
            _ => General(),
        };
        return new HttpRequestException(message, null, status);

        string General() => $"The server answers {Status(status)} for {uri.GetLeftPart(UriPartial.Path)}: try again later.";
    }

    /// <summary>Whether another try may go better.</summary>
    public static bool IsPassing(Exception error) => error switch
    {
        HttpRequestException { StatusCode: null } => true,
        HttpRequestException { StatusCode: { } status } => (int)status is 408 or 429 or >= 500,
        _ => false,
    };

    private static string Status(HttpStatusCode status) => FormattableString.Invariant($"{(int)status} {status}");
}
