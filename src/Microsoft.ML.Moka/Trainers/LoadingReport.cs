using System.Diagnostics;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Trainers;

/// <summary>Tells how far a large backbone is loaded, in lines to the log of the MLContext.</summary>
internal sealed class LoadingReport(IChannel channel) : IProgress<double>
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private long _logged = Stopwatch.GetTimestamp();

    public void Report(double value)
    {
        if (Stopwatch.GetElapsedTime(_logged) < Interval)
            return;
        _logged = Stopwatch.GetTimestamp();
        channel.Info(MessageSensitivity.None, FormattableString.Invariant($"Loaded {100 * value:0} %."));
    }
}
