using Microsoft.ML.Moka.Checkpoints.Hub;

namespace Microsoft.ML.Moka.Tests.Checkpoints.Hub;

/// <summary>A hub with a tiny backbone, a cache folder of its own, and what fetches from one to the other.</summary>
internal sealed class HubFixture : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public HubFixture(Action<string>? change = null)
    {
        Source = TinyBackbone.Write(_folder.File("source"));
        foreach (var name in (string[])["README.md", "pytorch_model.bin", "onnx/model.onnx", "consolidated.safetensors", ".gitattributes"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(Source, name))!);
            File.WriteAllText(Path.Combine(Source, name), name);
        }
        change?.Invoke(Source);
        Server = new HubServer(Source);
        Settings = new HubSettings
        {
            CacheFolder = _folder.File("cache"),
            Endpoint = new Uri(Server.Endpoint),
            RetryDelay = TimeSpan.FromMilliseconds(1),
            StallTimeout = TimeSpan.FromSeconds(20),
        };
    }

    public string Source { get; }

    public HubServer Server { get; }

    public HubSettings Settings { get; set; }

    public HubCache Cache => new(Settings.CacheFolder);

    public List<BackboneDownloadProgress> Progress { get; } = [];

    public string Blob(string path) => Cache.BlobOf(HubServer.Repository, Server.HashOf(path));

    public string Snapshot => Cache.SnapshotOf(HubServer.Repository, HubServer.Commit);

    public Task<string> FetchAsync(string name = HubServer.Repository, CancellationToken cancellation = default)
    {
        Assert.True(HubName.TryParse(name, out var parsed));
        return HubDownload.RunAsync(parsed, Settings, Progress.Add, cancellation);
    }

    /// <summary>Everything is there as the server has it.</summary>
    public void ExpectWhole(params string[] names)
    {
        Assert.Equal(names.Order(StringComparer.Ordinal), Directory.GetFiles(Snapshot).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal));
        Assert.All(names, name => Assert.Equal(Server.Files[name], File.ReadAllBytes(Path.Combine(Snapshot, name))));
        Assert.Empty(Directory.GetFiles(Settings.CacheFolder, "*.incomplete", SearchOption.AllDirectories));
        Assert.Empty(Directory.GetFiles(Settings.CacheFolder, "*.tmp", SearchOption.AllDirectories));
    }

    public void Dispose()
    {
        Server.Dispose();
        _folder.Dispose();
    }
}
