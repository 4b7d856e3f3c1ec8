using System.ComponentModel.DataAnnotations;

namespace WebApp.Answers;

/// <summary>How much is taken in, and how it is scored; the configuration section "Serving".</summary>
public sealed class ServingOptions
{
    public const string Section = "Serving";

    /// <summary>The most questions that are scored together.</summary>
    [Range(1, 4096)]
    public int MaximumBatchRows { get; set; } = 32;

    /// <summary>The most tokens that are scored together; a question alone may have more.</summary>
    [Range(1, 1 << 20)]
    public int MaximumBatchTokens { get; set; } = 4096;

    /// <summary>How many batches are scored at the same time: one fills the gaps that the other leaves on the cores.</summary>
    [Range(1, 256)]
    public int ConcurrentBatches { get; set; } = 2;

    /// <summary>How long a question waits for others to be scored with.</summary>
    [Range(0, 60_000)]
    public double BatchWindowMilliseconds { get; set; } = 2;

    /// <summary>How many questions may wait; others are told to come back later.</summary>
    [Range(1, 1_000_000)]
    public int QueueLength { get; set; } = 256;

    /// <summary>How many may watch training through a stream; the others ask now and then.</summary>
    [Range(0, 1_000_000)]
    public int MaximumWatchers { get; set; } = 100;

    /// <summary>How many connections may be open that ask nothing; beyond it, the one that has been silent for longest is closed.</summary>
    [Range(1, 1_000_000)]
    public int MaximumIdleConnections { get; set; } = 2000;

    [Range(64, 1 << 24)]
    public int MaximumBodyBytes { get; set; } = 16 * 1024;

    /// <summary>The most tokens of a question with its choices. A longer prompt than the model can read is refused in any case.</summary>
    [Range(1, 1 << 20)]
    public int MaximumPromptTokens { get; set; } = 256;

    [Range(0.001, 3600)]
    public double TimeoutSeconds { get; set; } = 10;

    /// <summary>How long what was accepted may take when the service is told to stop.</summary>
    [Range(0, 3600)]
    public double ShutdownSeconds { get; set; } = 30;
}
