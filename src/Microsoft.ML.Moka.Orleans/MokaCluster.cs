using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.ML.Moka.Orleans;
using Microsoft.ML.Moka.Work;
using Orleans;
using Orleans.Configuration;

namespace Microsoft.ML.Moka;

/// <summary>
/// The workers of an Orleans cluster. Set as <see cref="TuningOptions.Workers"/>, they compute batches of each update; what is learned has the bits of one
/// machine.
/// </summary>
public sealed class MokaCluster : WorkerPool, IAsyncDisposable
{
    private static readonly TimeSpan LongestAnswer = TimeSpan.FromSeconds(10);

    private readonly IHost _host;

    private MokaCluster(IHost host) => _host = host;

    /// <summary>Connects to a cluster, and waits for its first worker.</summary>
    /// <param name="folder">The folder that its workers were started with; null for the usual one of this machine.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>The cluster.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static async Task<MokaCluster> ConnectAsync(string? folder = null, CancellationToken cancellation = default)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.UseOrleansClient(client =>
        {
            client.UseMokaFolder(folder);
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

    /// <summary>Leaves the cluster.</summary>
    /// <returns>A task that ends when it is left.</returns>
    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync().ConfigureAwait(false);
        _host.Dispose();
    }

    internal override WorkerJob Open(JobDescription job, Action<string> warn) =>
        new ClusterJob(_host.Services.GetRequiredService<IClusterClient>(), job, TakesPart, warn);
}
