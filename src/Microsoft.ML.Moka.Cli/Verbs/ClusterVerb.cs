using System.CommandLine;
using System.Globalization;
using Microsoft.ML.Moka.Cli.Options;

namespace Microsoft.ML.Moka.Cli.Verbs;

/// <summary>moka cluster status: the workers of a cluster, and what they are at.</summary>
internal static class ClusterVerb
{
    public static CliCommand Create(Terminal terminal)
    {
        var folder = ClusterOption.Create("The cluster");
        var json = CommonOptions.Json();
        var status = new CliCommand("status",
            """
            Lists the workers of a cluster: where they are, what they compute with, and what they are at.

              moka cluster status
              moka cluster status --cluster /shared/cluster --json
            """)
        {
            folder, json,
        };
        status.SetAction((parsed, cancellation) =>
            Run(terminal, ClusterOption.FolderOf(parsed.GetValue(folder)), parsed.GetValue(json), cancellation));
        return new CliCommand("cluster",
            """
            Looks at a cluster of workers.

              moka cluster status
            """)
        {
            status,
        };
    }

    private static async Task<int> Run(Terminal terminal, string? folder, bool asJson, CancellationToken cancellation)
    {
        var workers = await MokaCluster.GetWorkersAsync(folder, cancellation);
        if (asJson)
            Json.Write(terminal.Out, workers.Select(WorkerNumbers.Of).ToArray());
        else if (workers.Count == 0)
            terminal.Out.WriteLine("There is no worker. 'moka worker' starts one.");
        foreach (var worker in asJson ? [] : workers)
            terminal.Out.WriteLine(
                string.Create(CultureInfo.InvariantCulture, $"{worker.Address} on {worker.Machine}, since {worker.Since:u}: ") + (worker.Problem ??
                FormattableString.Invariant($"{worker.Device}, {worker.Version}; {worker.Job ?? "idle"}; {worker.FinishedItems:N0} items done")));
        return ExitCode.Success;
    }
}

/// <summary>A worker for scripts.</summary>
internal sealed record WorkerNumbers(
    string Address, string Machine, DateTimeOffset Since, string? Device, string? Version, string? Job, long FinishedItems, string? Problem)
{
    public static WorkerNumbers Of(MokaWorkerStatus worker) => new(
        worker.Address, worker.Machine, worker.Since, worker.Device, worker.Version, worker.Job, worker.FinishedItems, worker.Problem);
}
