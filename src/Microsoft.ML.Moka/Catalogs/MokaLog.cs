using Microsoft.ML.Runtime;

namespace Microsoft.ML;

/// <summary>Shows what Moka says of its work: an <see cref="MLContext"/> has a log, and nobody listens to it by itself.</summary>
public static class MokaLog
{
    private static readonly string[] Ours = ["Moka", "Benchmark"];

    /// <summary>Writes Moka's progress and warnings to standard error, a line each: what is loaded, how training goes, what looks wrong.</summary>
    /// <param name="mlContext">The context.</param>
    /// <returns>Disposing it ends the writing.</returns>
    public static IDisposable LogToConsole(this MLContext mlContext) => mlContext.LogTo(Console.Error);

    /// <summary>Writes Moka's progress and warnings, a line each.</summary>
    /// <param name="mlContext">The context.</param>
    /// <param name="writer">Where to. It is not disposed.</param>
    /// <returns>Disposing it ends the writing.</returns>
    public static IDisposable LogTo(this MLContext mlContext, TextWriter writer)
    {
        ArgumentNullException.ThrowIfNull(mlContext);
        ArgumentNullException.ThrowIfNull(writer);
        return new Listener(mlContext, TextWriter.Synchronized(writer));
    }

    private sealed class Listener : IDisposable
    {
        private readonly MLContext _mlContext;
        private readonly TextWriter _writer;

        public Listener(MLContext mlContext, TextWriter writer)
        {
            (_mlContext, _writer) = (mlContext, writer);
            _mlContext.Log += Write;
        }

        public void Dispose() => _mlContext.Log -= Write;

        private void Write(object? sender, LoggingEventArgs log)
        {
            if (log.Kind is ChannelMessageKind.Info or ChannelMessageKind.Warning && Ours.Any(name => log.Source.Contains(name, StringComparison.Ordinal)))
                _writer.WriteLine(log.Kind == ChannelMessageKind.Warning ? $"Warning: {log.RawMessage}" : log.RawMessage);
        }
    }
}
