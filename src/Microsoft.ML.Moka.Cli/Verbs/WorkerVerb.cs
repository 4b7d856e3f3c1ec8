using System.CommandLine;
using System.Net;
using Microsoft.ML.Moka.Cli.Options;

namespace Microsoft.ML.Moka.Cli.Verbs;

/// <summary>moka worker: computes for whoever trains, sweeps or evaluates with the same cluster, and serves models.</summary>
internal static class WorkerVerb
{
    public static CliCommand Create(Terminal terminal)
    {
        var folder = ClusterOption.Create("The cluster that it joins");
        var address = new Option<string?>("--address")
        {
            Description = "The address that other machines reach it by. [default: this machine alone]",
            HelpName = "address",
        };
        var models = new Option<DirectoryInfo?>("--models")
        {
            Description = "A folder of models that it serves as grains of Orleans: tickets.zip as 'tickets'. [default: none]",
            HelpName = "folder",
        };
        var command = new CliCommand("worker",
            """
            Computes for whoever trains, sweeps or evaluates with the same cluster, until Ctrl+C. Start as many as there are machines; the folder of a cluster
            of several machines is one that all of them see.

              moka worker
              moka worker --cluster /shared/cluster --address 10.0.0.2
              moka worker --models models
            """)
        {
            folder, address, models,
        };
        command.SetAction((parsed, cancellation) =>
        {
            var reached = parsed.GetValue(address) is not { } text ? null : IPAddress.TryParse(text, out var found)
                ? found
                : throw new UsageException($"--address is '{text}'; an address is such as 10.0.0.2.");
            return Run(terminal, ClusterOption.FolderOf(parsed.GetValue(folder)), reached, parsed.GetValue(models), cancellation);
        });
        return command;
    }

    private static async Task<int> Run(
        Terminal terminal, string? folder, IPAddress? address, DirectoryInfo? models, CancellationToken cancellation)
    {
        if (models is { Exists: false })
            throw new UsageException($"--models is '{models}', where no folder is: name the folder of the models' files.");
        terminal.Tell("A worker. Ctrl+C ends it.");
        var serving = models is null ? null : new MokaServingOptions { ModelsFolder = models.FullName };
        await MokaWorkerHosting.RunWorkerAsync(folder, address, Context.Create(terminal), serving, cancellation);
        return ExitCode.Success;
    }
}
