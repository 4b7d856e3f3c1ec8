using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Cli;

/// <summary>Makes the <see cref="MLContext"/> of a run, whose log goes to the terminal.</summary>
internal static class Context
{
    public static MLContext Create(Terminal terminal, int? seed = null)
    {
        var context = new MLContext(seed);
        context.Log += (_, log) =>
        {
            var isOurs = log.Source.Contains("Moka", StringComparison.Ordinal) || log.Source.Contains("Benchmark", StringComparison.Ordinal);
            // Where progress is drawn, lines about it would be in its way.
            if (isOurs && (log.Kind == ChannelMessageKind.Warning || (log.Kind == ChannelMessageKind.Info && !terminal.IsLive)))
                terminal.Tell(log.Kind == ChannelMessageKind.Warning ? $"Warning: {log.RawMessage}" : log.RawMessage);
        };
        return context;
    }
}
