using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.ML;
using Microsoft.ML.Moka.Orleans;
using Microsoft.ML.Moka.Orleans.Grains;
using Microsoft.ML.Moka.Orleans.Membership;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Messaging;
using Orleans.Runtime.Hosting;

namespace Microsoft.ML.Moka;

/// <summary>Makes silos workers of Moka.</summary>
public static class MokaWorkerHosting
{
    private static readonly TimeSpan Refresh = TimeSpan.FromSeconds(1);

    /// <summary>Makes the silo a worker: it computes for the programs that connect to its cluster, whatever its clustering is.</summary>
    /// <param name="silo">The silo.</param>
    /// <param name="context">Says on which device it computes; the CPU if not given.</param>
    /// <returns>The silo.</returns>
    public static ISiloBuilder AddMokaWorker(this ISiloBuilder silo, MLContext? context = null)
    {
        ArgumentNullException.ThrowIfNull(silo);
        silo.Services.AddSingleton(_ => new WorkerHost(context ?? new MLContext()));
        silo.Services.AddPlacementDirector<SiloPlacement, SiloPlacementDirector>();
        return silo;
    }

    /// <summary>
    /// Keeps the cluster's members in a file of a folder that all of them see, on ports that are free: what a cluster on one machine needs. No silo is the
    /// first one, so that any may end.
    /// </summary>
    /// <param name="silo">The silo.</param>
    /// <param name="folder">The folder; null for the usual one of this machine.</param>
    /// <param name="address">The address that others reach the silo by; null for this machine alone.</param>
    /// <returns>The silo.</returns>
    public static ISiloBuilder UseMokaFolder(this ISiloBuilder silo, string? folder = null, IPAddress? address = null)
    {
        ArgumentNullException.ThrowIfNull(silo);
        var file = new MemberFile(FolderOf(folder));
        silo.Services.AddSingleton<IMembershipTable>(new FolderMembershipTable(file));
        silo.Configure<ClusterMembershipOptions>(options =>
        {
            options.TableRefreshTimeout = Refresh;
            options.ProbeTimeout = TimeSpan.FromSeconds(2);
        });
        var ports = FreePorts();
        return silo.ConfigureEndpoints(address ?? IPAddress.Loopback, ports[0], ports[1], listenOnAnyHostAddress: false);
    }

    internal static IClientBuilder UseMokaFolder(this IClientBuilder client, string? folder)
    {
        client.Services.AddSingleton<IGatewayListProvider>(new FolderGateways(new MemberFile(FolderOf(folder))));
        client.Configure<GatewayOptions>(options => options.GatewayListRefreshPeriod = Refresh);
        return client;
    }

    /// <summary>Runs this process as a worker of a cluster on this machine, until it is cancelled.</summary>
    /// <param name="folder">The folder that the cluster's members are kept in; null for the usual one of this machine.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>A task that ends when the worker has left the cluster.</returns>
    public static async Task RunWorkerAsync(string? folder = null, CancellationToken cancellation = default)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.UseOrleans(silo => silo.UseMokaFolder(folder).AddMokaWorker());
        using var host = builder.Build();
        await host.RunAsync(cancellation).ConfigureAwait(false);
    }

    private static string FolderOf(string? folder) => Path.GetFullPath(folder ?? Path.Combine(Path.GetTempPath(), $"moka-cluster-{Environment.UserName}"));

    private static int[] FreePorts()
    {
        using var first = new TcpListener(IPAddress.Loopback, 0);
        using var second = new TcpListener(IPAddress.Loopback, 0);
        first.Start();
        second.Start();
        return [((IPEndPoint)first.LocalEndpoint).Port, ((IPEndPoint)second.LocalEndpoint).Port];
    }
}
