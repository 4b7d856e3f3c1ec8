using System.Diagnostics;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Trainers;

/// <summary>Tells how far a large backbone is loaded, in lines to the log of the MLContext.</summary>
internal sealed class LoadingReport(IChannel channel) : IProgress<double>
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private long _logged = Stopwatch.GetTimestamp();

    /// <summary>Warns whoever named no backbone.</summary>
    public static void Begin(IChannel channel, BackboneSource source)
    {
        if (source.Kind == BackboneKind.Embedded)
            channel.Warning(MessageSensitivity.None,
                "BackbonePath is not set: the small backbone inside this package is for trying out, and has read of little but its own small world. " +
                "For work of your own name a LLaMA's folder, a GGUF file, or a model that 'moka pull' has fetched.");
    }

    public void Report(double value)
    {
        if (Stopwatch.GetElapsedTime(_logged) < Interval)
            return;
        _logged = Stopwatch.GetTimestamp();
        channel.Info(MessageSensitivity.None, FormattableString.Invariant($"Loaded {100 * value:0} %."));
    }
}
