using Microsoft.Extensions.Options;
using Microsoft.ML.Moka;
using WebApp.Hosting;
using WebApp.Tuning;

namespace WebApp.Models;

/// <summary>GET /api/model: what the pages show about the model in service.</summary>
public static class ModelEndpoints
{
    public static void AddModels(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptionsWithValidateOnStart<ModelOptions>().BindConfiguration(ModelOptions.Section).ValidateDataAnnotations();
        builder.Services.AddSingleton(services =>
        {
            var options = services.GetRequiredService<IOptions<ModelOptions>>().Value;
            return new MokaServedFile<QuestionModel>(
                Path.GetFullPath(options.Path, AppContext.BaseDirectory), file => new QuestionModel(file),
                new MokaServedFileOptions
                {
                    IsRequired = false,
                    WatchForChanges = true,
                    PollInterval = TimeSpan.FromMilliseconds(options.PollMilliseconds),
                    Exchanged = services.GetRequiredService<ServiceMetrics>().Loaded,
                },
                services.GetRequiredService<ILogger<MokaServedFile<QuestionModel>>>());
        });
        builder.Services.AddSingleton<ModelStatus>();
        builder.Services.AddHealthChecks().AddCheck<ModelHealth>(ModelHealth.Name);
    }

    public static void MapModels(this WebApplication app) => app.MapGet("/api/model", (MokaServedFile<QuestionModel> models, ModelStatus status) =>
    {
        using var use = models.Use();
        return new ModelDescription(use?.Version, use?.LoadedAt, status.Error, use?.Model.MaximumChoices, ExampleQuestions.All);
    });
}

/// <param name="Version">Null before there is a model.</param>
/// <param name="LoadedAt">When it was taken into service.</param>
/// <param name="Error">Why the latest file was refused.</param>
/// <param name="MaximumChoices">The most choices of a question.</param>
/// <param name="Examples">Questions about things that no training asked about.</param>
public sealed record ModelDescription(string? Version, DateTimeOffset? LoadedAt, string? Error, int? MaximumChoices, IReadOnlyList<ExampleQuestion> Examples);
