using System.Reflection;
using System.Text.Json;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http.Metadata;

namespace WebApp.Hosting;

/// <summary>Says what is wrong with a body that cannot be read: by its field where there is one, and never a bare "Bad Request".</summary>
internal sealed class BadRequestHandler : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is not BadHttpRequestException bad)
            return false;
        var accepted = httpContext.Features.Get<IExceptionHandlerFeature>()?.Endpoint?.Metadata.GetMetadata<IAcceptsMetadata>();
        await ProblemOf(bad, accepted).ExecuteAsync(httpContext);
        return true;
    }

    private static IResult ProblemOf(BadHttpRequestException bad, IAcceptsMetadata? accepted)
    {
        if (bad.StatusCode == StatusCodes.Status400BadRequest && bad.InnerException is JsonException json && FieldOf(json) is { } field)
            return TypedResults.ValidationProblem(new Dictionary<string, string[]> { [field] = [Wanted(accepted?.RequestType, field)] });
        var detail = bad.StatusCode switch
        {
            StatusCodes.Status415UnsupportedMediaType => "Send JSON, with the header Content-Type: application/json.",
            StatusCodes.Status400BadRequest when accepted is null => "What stands behind the '?' is not what this address takes: README.md lists it.",
            StatusCodes.Status400BadRequest => "The body is no JSON object with the fields that this address takes: README.md lists them.",
            _ => bad.Message,
        };
        return TypedResults.Problem(detail, statusCode: bad.StatusCode);
    }

    /// <summary>"questions" of "$.questions"; null where the body as a whole is wrong.</summary>
    private static string? FieldOf(JsonException json) =>
        json.Path is { } path && path.StartsWith("$.", StringComparison.Ordinal) && path[2..].Split('.', '[')[0] is { Length: > 0 } name ? name : null;

    private static string Wanted(Type? body, string field) =>
        body?.GetProperty(field, BindingFlags.Public | BindingFlags.Instance | BindingFlags.IgnoreCase)?.PropertyType == typeof(int)
            ? "Give a whole number."
            : "Give a text, or a list of texts where there are several.";
}
