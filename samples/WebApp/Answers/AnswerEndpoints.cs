using System.Globalization;
using System.Numerics.Tensors;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Microsoft.ML.Moka;
using WebApp.Hosting;
using WebApp.Models;

namespace WebApp.Answers;

/// <summary>POST /api/answers.</summary>
public static class AnswerEndpoints
{
    private const int RetryAfterSeconds = 1;

    public static void AddAnswers(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptionsWithValidateOnStart<ServingOptions>().BindConfiguration(ServingOptions.Section).ValidateDataAnnotations();
        builder.Services.AddSingleton<WaitingAnswers>();
        builder.Services.AddHostedService<BatchScorer>();
    }

    public static void MapAnswers(this WebApplication app) => app.MapPost("/api/answers", Answer);

    private static async Task<Results<Ok<AnswerResponse>, ValidationProblem, ProblemHttpResult>> Answer(
        AnswerRequest request, WaitingAnswers queue, MokaServedFile<QuestionModel> models, ServiceMetrics metrics, IOptions<ServingOptions> options,
        HttpResponse response, CancellationToken dropped)
    {
        PendingAnswer pending;
        using (var use = models.Use())
        {
            if (use is null)
                return Later(response, StatusCodes.Status503ServiceUnavailable, "There is no model yet",
                    "The first model is being trained or loaded; /ready says when it is there.");
            if (RequestCheck.Run(request, use.Model, options.Value, out var row, out var tokens) is { Count: > 0 } errors)
            {
                metrics.Rejected("invalid");
                return TypedResults.ValidationProblem(errors);
            }
            pending = new PendingAnswer(row, tokens, dropped);
        }
        if (!queue.TryAdd(pending))
        {
            metrics.Rejected("queue_full");
            return Later(
                response, StatusCodes.Status429TooManyRequests, "The queue is full", "More questions arrive than can be answered. Ask again a little later.");
        }
        var answer = await pending.Answer;
        metrics.Answered(pending.Age);
        return TypedResults.Ok(new AnswerResponse(
            answer.Model,
            TensorPrimitives.IndexOfMax(answer.Probabilities),
            [.. request.Choices!.Zip(answer.Probabilities, (text, probability) => new ScoredChoice(text!, probability))]));
    }

    private static ProblemHttpResult Later(HttpResponse response, int status, string title, string detail)
    {
        response.Headers.RetryAfter = RetryAfterSeconds.ToString(CultureInfo.InvariantCulture);
        return TypedResults.Problem(detail, statusCode: status, title: title);
    }
}
