namespace WebApp.Hosting;

/// <summary>Every error has a body that says what is wrong and what to do, as RFC 9457 has it.</summary>
internal static class ErrorPages
{
    public static void AddErrorPages(this WebApplicationBuilder builder)
    {
        builder.Services.AddProblemDetails(problems =>
            problems.CustomizeProblemDetails = context => context.ProblemDetails.Detail ??= DetailOf(context.ProblemDetails.Status));
        builder.Services.AddExceptionHandler<BadRequestHandler>();
        // Handed to the handler above, which knows what is wrong; by itself the framework answers with the status alone.
        builder.Services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        builder.Services.Insert(0, ServiceDescriptor.Singleton<IStartupFilter, HostNames>());
        builder.Services.Configure<Microsoft.AspNetCore.HostFiltering.HostFilteringOptions>(hosts => hosts.IncludeFailureMessage = false);
    }

    public static void UseErrorPages(this WebApplication app)
    {
        app.UseExceptionHandler();
        app.UseStatusCodePages();
    }

    private static string? DetailOf(int? status) => status switch
    {
        StatusCodes.Status404NotFound => "There is nothing at this address: README.md lists the addresses.",
        StatusCodes.Status405MethodNotAllowed => "This address is asked in another way, or what it does is turned off: README.md lists the addresses.",
        StatusCodes.Status413PayloadTooLarge => "The body is too large: send less at once.",
        StatusCodes.Status500InternalServerError => "The service has made a mistake, and its log says which.",
        StatusCodes.Status504GatewayTimeout => "It took too long and was given up. Ask again a little later.",
        _ => null,
    };

    /// <summary>The framework refuses names outside AllowedHosts before anything else, and says nothing: this says it, from outside.</summary>
    private sealed class HostNames : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use(async (context, others) =>
            {
                await others(context);
                if (context.Response is { HasStarted: false, StatusCode: StatusCodes.Status400BadRequest })
                    await TypedResults.Problem(
                        "The service does not answer to this host name: AllowedHosts, in its settings, lists those that it answers to.",
                        statusCode: StatusCodes.Status400BadRequest).ExecuteAsync(context);
            });
            next(app);
        };
    }
}
