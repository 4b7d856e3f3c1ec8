namespace WebApp.Hosting;

/// <summary>What a browser may do with the pages, and which pages may make it send requests.</summary>
internal static class BrowserSecurity
{
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; " +
        "frame-ancestors 'none'";

    public static void UseBrowserSecurity(this WebApplication app)
    {
        app.Use((context, next) =>
        {
            var headers = context.Response.Headers;
            headers.ContentSecurityPolicy = ContentSecurityPolicy;
            headers.XContentTypeOptions = "nosniff";
            headers["Referrer-Policy"] = "no-referrer";
            headers["Cross-Origin-Opener-Policy"] = "same-origin";
            headers["Cross-Origin-Resource-Policy"] = "same-origin";
            return next(context);
        });
        app.Use((context, next) => ChangesNothing(context.Request.Method) || RequestOrigin.IsOwn(context.Request)
            ? next(context)
            : TypedResults.Problem(
                "What changes something is taken from the pages of this service and from programs, not from pages of other sites.",
                statusCode: StatusCodes.Status403Forbidden).ExecuteAsync(context));
    }

    private static bool ChangesNothing(string method) => HttpMethods.IsGet(method) || HttpMethods.IsHead(method);
}
