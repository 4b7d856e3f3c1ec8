using System.ComponentModel.DataAnnotations;

namespace WebApp.Tuning;

/// <summary>How models are trained here; the configuration section "Training".</summary>
public sealed class TrainingSettings
{
    public const string Section = "Training";

    /// <summary>Whether the page and the API may train.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>What has to be shown to train. Without it, a service that listens beyond this machine does not train.</summary>
    [MinLength(16, ErrorMessage = "Training:Key must have at least 16 characters, so that nobody guesses it.")]
    public string? Key { get; set; }

    /// <summary>Whether a small model is trained where there is no file to serve.</summary>
    public bool AtFirstStart { get; set; } = true;

    /// <summary>How many questions that model is trained on.</summary>
    [Range(64, 5000)]
    public int FirstQuestions { get; set; } = 1280;

    /// <summary>The highest learning rate; this one suits the backbone inside the package.</summary>
    [Range(1e-6, 1)]
    public float LearningRate { get; set; } = 0.012f;
}
