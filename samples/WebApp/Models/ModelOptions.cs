using System.ComponentModel.DataAnnotations;

namespace WebApp.Models;

/// <summary>Which model is served; the configuration section "Model".</summary>
public sealed class ModelOptions
{
    public const string Section = "Model";

    /// <summary>The model's file. A path that is not absolute counts from the folder of the program.</summary>
    [Required]
    public string Path { get; set; } = "model.zip";

    /// <summary>How often the file is looked at.</summary>
    [Range(10, 3_600_000)]
    public int PollMilliseconds { get; set; } = 500;
}
