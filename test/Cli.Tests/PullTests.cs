using Microsoft.ML.Moka.Tests.Checkpoints.Hub;

namespace Microsoft.ML.Moka.Cli.Tests;

/// <summary>moka pull, from a hub on localhost.</summary>
public sealed class PullTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly HubServer _server;

    public PullTests()
    {
        Tool.Run("quantize", "--type", "none", "--output", _folder.File("source")).Succeeded();
        _server = new HubServer(_folder.File("source"));
        Set(("HF_ENDPOINT", _server.Endpoint), ("HF_HUB_CACHE", _folder.File("cache")));
    }

    public void Dispose()
    {
        Set(("HF_ENDPOINT", null), ("HF_HUB_CACHE", null));
        _server.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void AFetchedModelIsABackboneOfEveryVerb()
    {
        var name = HubServer.Repository;
        Tool.Run("generate", "The", "--backbone", name, "--max-tokens", "2").Failed($"moka pull {name}");
        Tool.Run("tokenize", "The", "--backbone", name).Failed($"moka pull {name}");
        Tool.Run("inspect", name).Failed("moka pull");
        Assert.Empty(_server.Requests);

        Assert.Contains(HubServer.Commit, Tool.Run("pull", name).Succeeded().Out, StringComparison.Ordinal);
        var again = Tool.Run("pull", name, "--revision", HubServer.Commit, "--json").Succeeded().Json;
        Assert.EndsWith(HubServer.Commit, again.GetProperty("path").GetString(), StringComparison.Ordinal);
        Assert.Equal(_server.Files.Values.Sum(file => file.Length), again.GetProperty("bytes").GetInt64());
        Assert.Single(_server.Requests, request => !request.IsHub);

        _server.Requests.Clear();
        Assert.Equal(Tool.Run("generate", "The", "--max-tokens", "4").Succeeded().Out,
            Tool.Run("generate", "The", "--backbone", name, "--max-tokens", "4").Succeeded().Out);
        Assert.Equal(Tool.Run("tokenize", "The bell").Succeeded().Out, Tool.Run("tokenize", "The bell", "--backbone", name).Succeeded().Out);
        Tool.Run("inspect", name, "--json").Succeeded();
        Tool.Run("design", name, "--adapter", "lora").Succeeded();
        Tool.Run("quantize", name, "--output", _folder.File("nf4")).Succeeded();
        Assert.Empty(_server.Requests);
    }

    [Fact]
    public void ProgressIsDrawnWhereSomebodyLooks()
    {
        var run = Tool.Run("", ["pull", HubServer.Repository], isLive: true).Succeeded();
        Assert.Contains("Fetching", run.Error, StringComparison.Ordinal);
        Assert.Contains(" MB of ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatCannotBeFetchedIsSaid()
    {
        Tool.Run("pull", "nothing").Failed("OWNER/NAME");
        Tool.Run("pull", "owner/unknown").Failed("owner/unknown", "spelling");
        Tool.Run("pull", HubServer.Repository, "--file", "x.gguf").Failed("has no file 'x.gguf'");
        Tool.Run("pull", HubServer.Repository, "--file", "README.md").Failed("GGUF");
        Tool.Run("pull").WasRefused();
        _server.Change = (_, _) => new HubServer.Answer(401, []).With("X-Error-Code", "GatedRepo");
        Tool.Run("pull", HubServer.Repository).Failed("gated", "HF_TOKEN");
        Assert.Equal(130, Tool.Run("", ["pull", HubServer.Repository], cancellation: new CancellationToken(canceled: true)).ExitCode);
    }

    private static void Set(params (string Name, string? Value)[] variables)
    {
        foreach (var (name, value) in variables)
            Environment.SetEnvironmentVariable(name, value);
    }
}
