using System.CommandLine;

namespace Microsoft.ML.Moka.Cli.Options;

/// <summary>The cluster whose workers help.</summary>
internal static class ClusterOption
{
    /// <summary>What stands for the usual folder of this machine and user.</summary>
    public const string Here = "here";

    public static Option<string?> Create(string whatFor) => new("--cluster")
    {
        Description = $"{whatFor}: the folder that its workers were started with, or '{Here}' for this machine's own.",
        HelpName = $"folder|{Here}",
    };

    /// <summary>The folder; null for the usual one.</summary>
    public static string? FolderOf(string? cluster) => cluster is null or Here ? null : cluster;

    /// <summary>Runs a work with the workers that were asked for, or with none.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="option">The option.</param>
    /// <param name="terminal">Told that it waits.</param>
    /// <param name="work">The work; its workers are null where none were asked for.</param>
    /// <param name="cancellation">Ends the wait for a first worker.</param>
    public static int Run(ParseResult parsed, Option<string?> option, Terminal terminal, Func<WorkerPool?, int> work, CancellationToken cancellation) =>
        parsed.GetValue(option) is { } cluster ? WithWorkers(cluster, terminal, work, cancellation).GetAwaiter().GetResult() : work(null);

    // In a method of its own, so that no other command loads what a cluster takes.
    private static async Task<int> WithWorkers(string cluster, Terminal terminal, Func<WorkerPool?, int> work, CancellationToken cancellation)
    {
        var folder = FolderOf(cluster);
        var known = await MokaCluster.GetWorkersAsync(folder, cancellation);
        if (known.Count == 0)
            terminal.Tell($"Waiting for a worker: 'moka worker{(folder is null ? "" : $" --cluster {TrainingSession.Argument(folder)}")}' starts one.");
        await using var workers = await MokaCluster.ConnectAsync(folder, cancellation);
        return work(workers);
    }
}
