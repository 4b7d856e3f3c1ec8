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
using Orleans.Runtime;
using Orleans.Runtime.Hosting;

namespace Microsoft.ML.Moka;

/// <summary>Makes silos workers of Moka.</summary>
public static class MokaWorkerHosting
{
    private static readonly TimeSpan Refresh = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(5);

    /// <summary>Makes the silo a worker: it computes for the programs that connect to its cluster, whatever its clustering is.</summary>
    /// <param name="silo">The silo.</param>
    /// <param name="context">Says on which device it computes; the CPU if not given.</param>
    /// <returns>The silo.</returns>
    public static ISiloBuilder AddMokaWorker(this ISiloBuilder silo, MLContext? context = null)
    {
        ArgumentNullException.ThrowIfNull(silo);
        silo.Services.AddSingleton(_ => new WorkerHost(context ?? new MLContext()));
        return silo.AddPlacements();
    }

    /// <summary>
    /// Keeps the cluster's members in a file of a folder that all of them see, on ports that are free: what a cluster on one machine needs. No silo is the
    /// first one, so that any may end.
    /// </summary>
    /// <param name="silo">The silo.</param>
    /// <param name="folder">The folder; null for the usual one of this machine and user.</param>
    /// <param name="address">The address that others reach the silo by; null for this machine alone.</param>
    /// <returns>The silo.</returns>
    public static ISiloBuilder UseMokaFolder(this ISiloBuilder silo, string? folder = null, IPAddress? address = null)
    {
        ArgumentNullException.ThrowIfNull(silo);
        var file = new MemberFile(ClusterFolder.Of(folder));
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
        client.Services.AddSingleton<IGatewayListProvider>(new FolderGateways(new MemberFile(ClusterFolder.Of(folder))));
        client.Configure<GatewayOptions>(options => options.GatewayListRefreshPeriod = Refresh);
        return client;
    }

    /// <summary>Runs this process as a worker of a cluster that is kept in a folder, until it is cancelled; told to, it serves models too.</summary>
    /// <param name="folder">The folder; null for the usual one of this machine and user.</param>
    /// <param name="address">The address that others reach the worker by; null for this machine alone.</param>
    /// <param name="context">Says on which device it computes, and its log tells what the worker is at; the CPU if not given.</param>
    /// <param name="models">The models that it serves, as <see cref="MokaServingHosting"/> says; null for none.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <remarks>Where the others took it for dead, because a link was cut or the process was halted for long, it joins again.</remarks>
    /// <returns>A task that ends when the worker has left the cluster.</returns>
    /// <exception cref="InvalidOperationException">The usual folder is another user's.</exception>
    /// <exception cref="ArgumentException">An option of <paramref name="models"/> makes no sense.</exception>
    public static async Task RunWorkerAsync(
        string? folder = null, IPAddress? address = null, MLContext? context = null, MokaServingOptions? models = null,
        CancellationToken cancellation = default)
    {
        var joined = false;
        while (!cancellation.IsCancellationRequested)
        {
            using var lost = new LostCluster();
            var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
            builder.UseOrleans(silo =>
            {
                silo.UseMokaFolder(folder, address).AddMokaWorker(context).Services.AddSingleton<IFatalErrorHandler>(lost);
                if (models is not null)
                    silo.AddMokaModels(models, context);
            });
            builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = LongestEnd);
            using var host = builder.Build();
            using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation, lost.Token);
            try
            {
                // A device that cannot be used is told now, and not to those who ask for work.
                host.Services.GetRequiredService<WorkerHost>();
                await host.StartAsync(end.Token).ConfigureAwait(false);
                joined = true;
                await host.WaitForShutdownAsync(end.Token).ConfigureAwait(false);
                if (!lost.Token.IsCancellationRequested)
                    return;
            }
            catch (Exception) when (joined || cancellation.IsCancellationRequested)
            {
                // A silo that is lost may not even end in order; and what was a member once tries to become one again, however often that fails.
            }
            await Task.WhenAny(Task.Delay(Refresh, cancellation)).ConfigureAwait(false);
        }
    }

    private static int[] FreePorts()
    {
        using var first = new TcpListener(IPAddress.Loopback, 0);
        using var second = new TcpListener(IPAddress.Loopback, 0);
        first.Start();
        second.Start();
        return [((IPEndPoint)first.LocalEndpoint).Port, ((IPEndPoint)second.LocalEndpoint).Port];
    }
}
