using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints.Hub;

namespace Microsoft.ML.Moka.Tests.Checkpoints.Hub;

/// <summary>A backbone's name finds what is in the cache, and fetches nothing.</summary>
public sealed class CachedModelTests : IDisposable
{
    private readonly HubFixture _hub = new();

    public CachedModelTests() => Environment.SetEnvironmentVariable("HF_HUB_CACHE", _hub.Settings.CacheFolder);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("HF_HUB_CACHE", null);
        _hub.Dispose();
    }

    [Fact]
    public async Task A_name_is_a_backbone_once_it_was_fetched()
    {
        var missing = Assert.Throws<FileNotFoundException>(() => BackboneDescription.Of(HubServer.Repository));
        Assert.Contains($"moka pull {HubServer.Repository}", missing.Message, StringComparison.Ordinal);
        var options = Assert.Throws<ArgumentException>(() =>
            new MLContext().MulticlassClassification.Trainers.Moka(new MokaTrainer.Options { BackbonePath = HubServer.Repository }));
        Assert.Contains($"moka pull {HubServer.Repository}", options.Message, StringComparison.Ordinal);
        Assert.Empty(_hub.Server.Requests);

        Assert.Equal(_hub.Snapshot, await MokaBackbone.DownloadAsync(
            HubServer.Repository, new BackboneDownloadOptions { Endpoint = _hub.Server.Endpoint, Token = "hf_x" }, Cancellation));
        _hub.Server.Requests.Clear();
        var expected = BackboneDescription.Of(_hub.Source).Fingerprint;
        Assert.Equal(expected, BackboneDescription.Of(HubServer.Repository).Fingerprint);
        Assert.Equal(expected, BackboneDescription.Of($"{HubServer.Repository}@{HubServer.Commit}").Fingerprint);
        Assert.Equal(_hub.Snapshot, MokaBackbone.Find(HubServer.Repository));
        using var model = new MLContext(1).TextGeneration.Trainers.Moka(new MokaTextGenerationTrainer.Options { BackbonePath = HubServer.Repository,
            NumberOfEpochs = 0 })
            .Fit(new MLContext().Data.LoadFromEnumerable(Array.Empty<InstructionRow>()));
        Assert.Equal(expected, model.DescribeBackbone().Fingerprint);
        Assert.Empty(_hub.Server.Requests);

        // A model that was saved where the cache is elsewhere.
        var elsewhere = new BackboneReference($"/nowhere/hub/models--owner--tiny-llama/snapshots/{HubServer.Commit}", expected);
        Assert.Equal(_hub.Snapshot, BackboneLocator.Find(elsewhere, null).Files.Location);

        File.Delete(_hub.Blob("model.safetensors"));
        Assert.Null(MokaBackbone.Find(HubServer.Repository));
        Assert.Contains("only a part", Assert.Throws<FileNotFoundException>(() => BackboneDescription.Of(HubServer.Repository)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_at_a_path_counts_before_the_cache()
    {
        Assert.Equal(_hub.Source, CachedModel.Resolve(_hub.Source));
        Assert.Contains("no such folder", Assert.Throws<FileNotFoundException>(() => CachedModel.Resolve("/no/where/at/all")).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HuggingFaceTB/SmolLM2-135M-Instruct", "HuggingFaceTB/SmolLM2-135M-Instruct", null, null)]
    [InlineData("a/b@v1.0", "a/b", "v1.0", null)]
    [InlineData("a/b@refs/pr/3", "a/b", "refs/pr/3", null)]
    [InlineData("a/b/x.gguf", "a/b", null, "x.gguf")]
    [InlineData("a/b@c/sub/X-00001-of-00002.GGUF", "a/b", "c", "sub/X-00001-of-00002.GGUF")]
    public void Names_are_read(string text, string repository, string? revision, string? file)
    {
        Assert.True(HubName.TryParse(text, out var name));
        Assert.Equal((repository, revision, file), (name.Repository, name.Revision, name.File));
        Assert.Equal(text, name.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("model")]
    [InlineData("a/b/c")]
    [InlineData("../b")]
    [InlineData("./b")]
    [InlineData("/a/b")]
    [InlineData("a/..")]
    [InlineData("a/b--c")]
    [InlineData("a/b@..")]
    [InlineData("a/b@")]
    [InlineData("a/b/../x.gguf")]
    [InlineData("a/b//x.gguf")]
    [InlineData("a/b/.x.gguf")]
    [InlineData("a\\b")]
    [InlineData("a/b\n")]
    public void What_leads_elsewhere_is_no_name(string text) => Assert.False(HubName.TryParse(text, out _));

    [Fact]
    public void The_environment_is_read_as_Python_reads_it()
    {
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        Assert.Equal(Path.Combine(home, ".cache", "huggingface", "hub"), Read().CacheFolder);
        Assert.Equal(Path.GetFullPath("/x/huggingface/hub"), Read(("XDG_CACHE_HOME", "/x")).CacheFolder);
        Assert.Equal(Path.GetFullPath("/h/hub"), Read(("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/h")).CacheFolder);
        Assert.Equal(Path.Combine(home, "h", "hub"), Read(("HF_HOME", "~/h")).CacheFolder);
        Assert.Equal(Path.GetFullPath("/old"), Read(("HF_HOME", "/h"), ("HUGGINGFACE_HUB_CACHE", "/old")).CacheFolder);
        Assert.Equal(Path.GetFullPath("/new"), Read(("HF_HUB_CACHE", "/new"), ("HUGGINGFACE_HUB_CACHE", "/old")).CacheFolder);
        Assert.Equal(("https://huggingface.co/", "http://mirror:8080/"), (Read().Endpoint.AbsoluteUri, Read(("HF_ENDPOINT",
            "http://mirror:8080/")).Endpoint.AbsoluteUri));
        Assert.Throws<ArgumentException>(() => Read(("HF_ENDPOINT", "mirror")));
        Assert.Throws<ArgumentException>(() => Read(("HF_TOKEN", "a b")));
        Assert.True(Read(("HF_HUB_OFFLINE", "yes")).IsOffline);
        Assert.False(Read(("HF_HUB_OFFLINE", "0")).IsOffline);

        File.WriteAllText(Path.Combine(_hub.Source, "token"), "hf_file\n");
        Assert.Equal("hf_file", Read(("HF_HOME", _hub.Source)).Token);
        Assert.Equal("hf_variable", Read(("HF_HOME", _hub.Source), ("HF_TOKEN", " hf_variable\n")).Token);
        Assert.Null(Read(("HF_HOME", _hub.Source), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")).Token);
    }

    [Theory]
    [InlineData("no name", null, null)]
    [InlineData("a/b@c", "d", null)]
    [InlineData("a/b", "..", null)]
    [InlineData("a/b", null, "model.safetensors")]
    [InlineData("a/b", null, "../x.gguf")]
    [InlineData("a/b/x.gguf", null, "y.gguf")]
    public async Task What_cannot_be_asked_for_is_refused(string name, string? revision, string? file) => await Assert.ThrowsAsync<ArgumentException>(() =>
        MokaBackbone.DownloadAsync(name, new BackboneDownloadOptions { Revision = revision, File = file, Endpoint = _hub.Server.Endpoint }, Cancellation));

    private static HubSettings Read(params (string Name, string Value)[] variables)
    {
        var values = variables.ToDictionary(pair => pair.Name, pair => pair.Value);
        values.TryAdd("HF_TOKEN_PATH", values.ContainsKey("HF_HOME") ? "" : "/nowhere");
        return HubSettings.Read(values.GetValueOrDefault);
    }
}
