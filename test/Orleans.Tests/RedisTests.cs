using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using Orleans.Hosting;

namespace Microsoft.ML.Moka.Tests.Orleans;

/// <summary>A worker in a silo of one's own, whose cluster is kept in Redis; the test starts a server where one is installed.</summary>
public sealed class RedisTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("moka-redis-").FullName;
    private Process? _server;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _server?.Kill();
        _server?.WaitForExit();
        _server?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_silo_in_Redis_computes_batches()
    {
        var program = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Select(folder => Path.Combine(folder, "redis-server")).FirstOrDefault(File.Exists);
        Assert.SkipWhen(program is null, "redis-server is not installed.");
        int[] ports = [.. Enumerable.Range(0, 3).Select(_ => FreePort())];
        var redis = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{ports[0]}");
        var start = new ProcessStartInfo(
            program!, ["--port", ports[0].ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--save", "", "--dir", _folder])
        {
            RedirectStandardOutput = true,
        };
        _server = Process.Start(start)!;
        while (await _server.StandardOutput.ReadLineAsync(Cancellation) is { } line && !line.Contains("Ready to accept", StringComparison.Ordinal))
        {
        }
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.UseOrleans(silo => silo
            .UseRedisClustering(redis)
            .Configure<ClusterOptions>(Named)
            .ConfigureEndpoints(IPAddress.Loopback, ports[1], ports[2])
            .AddMokaWorker());
        using var host = builder.Build();
        await host.StartAsync(Cancellation);
        await using (var cluster = await MokaCluster.ConnectAsync(client => client.UseRedisClustering(redis).Configure<ClusterOptions>(Named), Cancellation))
        {
            cluster.TakesPart = false;
            Assert.Equal(Train(null), Train(cluster));
            Assert.True(cluster.Exchange.Items >= 4);
        }
        await host.StopAsync(Cancellation);

        static void Named(ClusterOptions options) => (options.ClusterId, options.ServiceId) = ("moka-tests", "moka-tests");
    }

    private static List<double> Train(MokaCluster? cluster)
    {
        var context = new MLContext(seed: 1);
        var rows = context.Data.LoadFromEnumerable(Enumerable.Range(0, 20).Select(i => new Row
        {
            Text = i % 2 == 0 ? "the pot broke" : "my coat tore", Label = i % 2 == 0 ? "clay" : "cloth",
        }));
        var losses = new List<double>();
        using var model = context.MulticlassClassification.Trainers.Moka(new MokaTrainer.Options
        {
            BatchTokens = 64, GradientAccumulation = 2, NumberOfSteps = 2, Workers = cluster, CancellationToken = Cancellation,
            Progress = progress => losses.Add(progress.Loss),
        }).Fit(rows);
        return losses;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private sealed class Row
    {
        public string Text { get; set; } = "";

        public string Label { get; set; } = "";
    }
}
