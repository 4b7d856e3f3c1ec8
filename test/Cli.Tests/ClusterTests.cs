using System.Diagnostics;
using System.Text.Json;

namespace Microsoft.ML.Moka.Cli.Tests;

/// <summary>The verbs of a cluster, with a worker that is a process of the tool.</summary>
public sealed class ClusterTests(Samples samples) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task AWorkerTakesPartAndAModelIsThatOfOneProcess()
    {
        var cluster = _folder.File("cluster");
        Assert.Equal("There is no worker. 'moka worker' starts one.", Tool.Run("cluster", "status", "--cluster", cluster).Succeeded().Out.Trim());
        string[] train = ["train", samples.TrainFile, "--epochs", "5", "--accumulate", "2", "--json", "--output"];
        var start = new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            ["exec", Path.Combine(AppContext.BaseDirectory, "moka.dll"), "worker", "--cluster", cluster]) { RedirectStandardError = true };
        using var worker = Process.Start(start)!;
        try
        {
            var log = worker.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            // The program computes as well, and may have done all before the worker has loaded: then there is another run.
            JsonElement far, status;
            var runs = 0;
            do
            {
                far = Tool.Run([.. train, _folder.File("far.zip"), "--cluster", cluster]).Succeeded().Json;
                status = Tool.Run("cluster", "status", "--cluster", cluster, "--json").Succeeded().Json.EnumerateArray().Single();
            }
            while (status.GetProperty("finishedItems").GetInt64() == 0 && ++runs < 10);
            var near = Tool.Run([.. train, _folder.File("near.zip")]).Succeeded().Json;
            Assert.Equal(near.GetProperty("loss").GetDouble(), far.GetProperty("loss").GetDouble());
            Assert.Equal(near.GetProperty("steps").GetInt32(), far.GetProperty("steps").GetInt32());

            Assert.StartsWith("cpu (", status.GetProperty("device").GetString(), StringComparison.Ordinal);
            Assert.True(status.GetProperty("finishedItems").GetInt64() > 0);
            worker.Kill();
            Assert.Contains("Loading for MokaAdapter on", await log, StringComparison.Ordinal);
        }
        finally
        {
            worker.Kill();
            await worker.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
    }

    [Theory]
    [InlineData("worker --address here", "--address is 'here'")]
    [InlineData("train TRAIN --cluster here", "--accumulate")]
    [InlineData("evaluate TRAIN --model x.zip --cluster here", "--cluster is for benchmarks")]
    public void WhatMakesNoSenseIsRefused(string line, string words) =>
        Tool.Run([.. line.Split(' ').Select(word => word == "TRAIN" ? samples.TrainFile : word)]).WasRefused(words);
}
