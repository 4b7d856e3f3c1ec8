using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.ML.Moka.Orleans;
using Microsoft.ML.Moka.Orleans.Grains;
using Microsoft.ML.Moka.Orleans.Membership;
using Microsoft.ML.Moka.Work;
using Orleans;
using Orleans.Configuration;
using Orleans.Runtime;

namespace Microsoft.ML.Moka;

/// <summary>
/// The workers of an Orleans cluster. As <see cref="TuningOptions.Workers"/> they compute batches of each update, as <see cref="BenchmarkOptions.Workers"/>
/// questions, as <see cref="SweepOptions.Workers"/> trials; what comes of it has the bits of one machine.
/// </summary>
public sealed class MokaCluster : WorkerPool, IAsyncDisposable
{
    private static readonly TimeSpan LongestAnswer = TimeSpan.FromSeconds(10);

    private readonly IHost _host;

    private MokaCluster(IHost host) => _host = host;

    /// <summary>Connects to a cluster, and waits for its first worker.</summary>
    /// <param name="folder">The folder that its workers were started with; null for the usual one of this machine and user.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>The cluster.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static Task<MokaCluster> ConnectAsync(string? folder = null, CancellationToken cancellation = default) =>
        ConnectAsync(client => client.UseMokaFolder(folder), cancellation);

    /// <summary>Connects to a cluster that is kept elsewhere, such as in Redis or a database, and waits for its first worker.</summary>
    /// <param name="configure">The clustering, as the silos have it.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>The cluster.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static async Task<MokaCluster> ConnectAsync(Action<IClientBuilder> configure, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(configure);
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.UseOrleansClient(client =>
        {
            configure(client);
            client.UseConnectionRetryFilter(async (_, token) =>
            {
                await Task.Delay(TimeSpan.FromMilliseconds(500), token).ConfigureAwait(false);
                return true;
            });
            client.Configure<ClientMessagingOptions>(options => options.ResponseTimeout = LongestAnswer);
        });
        var host = builder.Build();
        try
        {
            await host.StartAsync(cancellation).ConfigureAwait(false);
            return new MokaCluster(host);
        }
        catch
        {
            host.Dispose();
            throw;
        }
    }

    /// <summary>A model that silos of the cluster serve.</summary>
    /// <param name="name">Its name: that of its file without <c>.zip</c>.</param>
    /// <returns>The model, which is looked for when it is asked something.</returns>
    public IMokaModelGrain GetModel(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return Client.GetGrain<IMokaModelGrain>(name);
    }

    /// <summary>Asks the workers of a cluster what they are at; those that do not answer within some seconds are in the list with that problem.</summary>
    /// <param name="folder">The folder that its workers were started with; null for the usual one of this machine and user.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>The workers; none where none lives.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static async Task<IReadOnlyList<MokaWorkerStatus>> GetWorkersAsync(string? folder = null, CancellationToken cancellation = default)
    {
        var file = new MemberFile(ClusterFolder.Of(folder));
        var members = await file.Use(found =>
        {
            var table = FolderMembershipTable.WithoutEnded(found);
            return (table, table.Members.Where(member => member.Status == (int)SiloStatus.Active).ToList());
        }).ConfigureAwait(false);
        if (members.Count == 0)
            return [];
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(LongestAnswer);
        MokaCluster? cluster = null;
        try
        {
            cluster = await ConnectAsync(folder, limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // None of those that the file has as members takes a connection.
        }
        try
        {
            return [.. await Task.WhenAll(members.Select(member => StatusOf(cluster, member, limit.Token))).WaitAsync(cancellation).ConfigureAwait(false)];
        }
        finally
        {
            if (cluster is not null)
                await cluster.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Leaves the cluster.</summary>
    /// <returns>A task that ends when it is left.</returns>
    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync().ConfigureAwait(false);
        _host.Dispose();
    }

    /// <summary>What all jobs spent in messages so far.</summary>
    internal Exchange Exchange { get; } = new();

    private IClusterClient Client => _host.Services.GetRequiredService<IClusterClient>();

    private static async Task<MokaWorkerStatus> StatusOf(MokaCluster? cluster, Member member, CancellationToken cancellation)
    {
        var silo = SiloAddress.FromParsableString(member.Silo);
        var status = new MokaWorkerStatus(
            silo.Endpoint.ToString(), member.HostName, new DateTimeOffset(member.Started, TimeSpan.Zero), null, null, null, 0, null);
        if (cluster is null)
            return status with { Problem = "it takes no connection" };
        try
        {
            var told = await cluster.Client.GetGrain<IWorkerGrain>(member.Silo).Describe().WaitAsync(cancellation).ConfigureAwait(false);
            return status with { Device = told.Device, Version = told.Version, Job = told.Job, FinishedItems = told.FinishedItems };
        }
        catch (Exception e) when (e is OrleansException or TimeoutException or OperationCanceledException)
        {
            return status with { Problem = "it does not answer" };
        }
    }

    internal override WorkerJob Open(JobDescription job, Action<string> warn) =>
        new ClusterJob(Client, job, Exchange, TakesPart, warn);
}
