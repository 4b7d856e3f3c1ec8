using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Cli;

/// <summary>Makes the <see cref="MLContext"/> of a run, whose log goes to the terminal.</summary>
internal static class Context
{
    /// <param name="terminal">Where the log goes.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="ofTrials">Whether much the same is done many times: then each warning is told once, and else only what the sweep says.</param>
    public static MLContext Create(Terminal terminal, int? seed = null, bool ofTrials = false)
    {
        var context = new MLContext(seed);
        var told = new HashSet<string>(StringComparer.Ordinal);
        context.Log += (_, log) =>
        {
            var isOurs = log.Source.Contains("Moka", StringComparison.Ordinal) || log.Source.Contains("Benchmark", StringComparison.Ordinal);
            if (ofTrials && (log.Kind == ChannelMessageKind.Warning ? !told.Add(log.RawMessage) : !log.Source.Contains("Sweep", StringComparison.Ordinal)))
                return;
            // Where progress is drawn, lines about it would be in its way.
            if (isOurs && (log.Kind == ChannelMessageKind.Warning || (log.Kind == ChannelMessageKind.Info && !terminal.IsLive)))
                terminal.Tell(OptionNames.In(log.Kind == ChannelMessageKind.Warning ? $"Warning: {log.RawMessage}" : log.RawMessage));
        };
        return context;
    }
}
