using Microsoft.ML.Moka;
using WebApp.Hosting;

namespace WebApp.Models;

/// <summary>What is told of the model's file to strangers.</summary>
public sealed class ModelStatus(MokaServedFile<QuestionModel> models)
{
    private volatile string? _first;

    /// <summary>Why the latest file was not taken into service, or why there is none; null where nothing is wrong.</summary>
    public string? Error => models.Refusal switch
    {
        null => models.Version is null ? _first : null,
        FileNotFoundException => $"{Path.GetFileName(models.FilePath)} is gone.",
        var refusal => $"{Path.GetFileName(models.FilePath)} was refused: {PublicMessage.Of(refusal)}",
    };

    /// <summary>The first model could not be made.</summary>
    public void HasNoFirst(string problem) => _first = problem;
}
