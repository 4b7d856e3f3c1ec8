using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.ML.Moka.Checkpoints.Hub;

namespace Microsoft.ML.Moka.Tests.Checkpoints.Hub;

/// <summary>Models come from a hub whole, or not at all.</summary>
public class HubDownloadTests
{
    private const string Weights = "model.safetensors";

    private static readonly string[] Needed = ["config.json", Weights, "tokenizer.json", "tokenizer_config.json"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Only_what_is_needed_comes_into_the_layout_of_Python()
    {
        using var hub = new HubFixture();
        var folder = await hub.FetchAsync(cancellation: Cancellation);

        Assert.Equal(hub.Snapshot, folder);
        hub.ExpectWhole(Needed);
        Assert.Equal(Needed.Select(hub.Server.HashOf).Order(), Directory.GetFiles(Path.GetDirectoryName(hub.Blob(Weights))!).Select(Path.GetFileName).Order());
        Assert.Equal(HubServer.Commit, File.ReadAllText(Path.Combine(hub.Settings.CacheFolder, "models--owner--tiny-llama", "refs", "main")));
        if (!OperatingSystem.IsWindows())
            Assert.Equal($"../../blobs/{hub.Server.HashOf(Weights)}", new FileInfo(Path.Combine(folder, Weights)).LinkTarget);
        var total = Needed.Sum(name => (long)hub.Server.Files[name].Length);
        Assert.Equal((total, total), (hub.Progress[^1].BytesDone, hub.Progress[^1].BytesTotal));
        Assert.All(hub.Progress.Zip(hub.Progress.Skip(1)), pair => Assert.True(pair.First.BytesDone <= pair.Second.BytesDone));

        Assert.Equal(folder, await hub.FetchAsync(cancellation: Cancellation));
        Assert.Equal(1, hub.Server.CountOf("GET", Weights + "?signature=x"));
        Assert.Equal(1, hub.Server.CountOf("GET", "/config.json"));
    }

    [Fact]
    public async Task Without_links_the_snapshot_has_the_files()
    {
        using var hub = new HubFixture();
        hub.Settings = hub.Settings with { UsesLinks = false };
        await hub.FetchAsync(cancellation: Cancellation);
        hub.ExpectWhole(Needed);
        Assert.All(Needed, name => Assert.Null(new FileInfo(Path.Combine(hub.Snapshot, name)).LinkTarget));
        Assert.Empty(Directory.GetFiles(Path.GetDirectoryName(hub.Blob(Weights))!));

        await hub.FetchAsync(cancellation: Cancellation);
        Assert.Equal(1, hub.Server.CountOf("GET", Weights + "?signature=x"));
    }

    [Fact]
    public async Task A_server_that_is_wrong_about_a_size_is_not_asked_for_the_whole_again_and_again()
    {
        using var hub = new HubFixture();
        hub.Server.Change = (request, answer) =>
            request.Path.EndsWith(Weights, StringComparison.Ordinal) ? answer.With("X-Linked-Size", "999999999") : null;
        await Assert.ThrowsAsync<HttpRequestException>(() => hub.FetchAsync(cancellation: Cancellation));
        Assert.InRange(hub.Server.Requests.Count(request => !request.IsHub), 2, 10);
    }

    [Fact]
    public async Task What_cannot_be_put_in_its_place_leaves_nothing_behind()
    {
        using var hub = new HubFixture();
        Directory.CreateDirectory(Path.Combine(hub.Snapshot, "config.json"));
        await Assert.ThrowsAnyAsync<Exception>(() => hub.FetchAsync(cancellation: Cancellation));
        Assert.Empty(Directory.GetFiles(hub.Settings.CacheFolder, "*.tmp", SearchOption.AllDirectories));

        using var other = new HubFixture();
        File.WriteAllText(other.Settings.CacheFolder, "a file");
        var error = await Assert.ThrowsAsync<IOException>(() => other.FetchAsync(cancellation: Cancellation));
        Assert.Contains("is a file; name a folder", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_token_stays_with_the_hub()
    {
        using var hub = new HubFixture();
        hub.Settings = hub.Settings with { Token = "hf_secret" };
        await hub.FetchAsync(cancellation: Cancellation);

        Assert.All(hub.Server.Requests, request => Assert.Equal(request.IsHub ? "Bearer hf_secret" : null, request.Headers.GetValueOrDefault("Authorization")));
        Assert.Contains(hub.Server.Requests, request => !request.IsHub);
    }

    [Fact]
    public async Task A_connection_that_breaks_again_and_again_is_gone_on_with()
    {
        using var hub = new HubFixture();
        var size = hub.Server.Files[Weights].Length;
        hub.Server.Change = (request, answer) => request.IsHub ? null : answer with { BreaksAfter = size / 7 };
        await hub.FetchAsync(cancellation: Cancellation);

        hub.ExpectWhole(Needed);
        var starts = hub.Server.Requests.Where(request => !request.IsHub).Select(request => request.Headers.GetValueOrDefault("Range")).ToList();
        Assert.Equal(8, starts.Count);
        Assert.Equal((null, FormattableString.Invariant($"bytes={size / 7}-")), (starts[0], starts[1]));
    }

    [Fact]
    public async Task What_a_cancelled_try_has_left_is_gone_on_with()
    {
        using var hub = new HubFixture();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        hub.Server.Change = (request, answer) => request.IsHub ? null : answer with { Delay = TimeSpan.FromMilliseconds(50) };
        var fetch = HubDownload.RunAsync(new HubName(HubServer.Repository, null, null), hub.Settings, progress =>
        {
            if (progress.File == Weights && progress.BytesDone > progress.BytesTotal / 2)
                stop.Cancel();
        }, stop.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fetch);
        var left = new FileInfo($"{hub.Blob(Weights)}.incomplete");
        Assert.InRange(left.Length, 1, hub.Server.Files[Weights].Length - 1);
        Assert.False(File.Exists(hub.Blob(Weights)));
        Assert.Null(CachedModel.Find(new HubName(HubServer.Repository, null, null), hub.Cache, out _));

        hub.Server.Change = null;
        await hub.FetchAsync(cancellation: Cancellation);
        hub.ExpectWhole(Needed);
        Assert.Equal(FormattableString.Invariant($"bytes={left.Length}-"), hub.Server.Requests.Last(request => !request.IsHub).Headers["Range"]);
    }

    [Theory]
    [InlineData(200)]
    [InlineData(416)]
    [InlineData(206)]
    public async Task A_server_that_does_not_go_on_gives_the_whole(int status)
    {
        using var hub = new HubFixture();
        Directory.CreateDirectory(Path.GetDirectoryName(hub.Blob(Weights))!);
        File.WriteAllBytes($"{hub.Blob(Weights)}.incomplete", hub.Server.Files[Weights][..1000]);
        hub.Server.Change = (request, answer) => request.IsHub || !request.Headers.ContainsKey("Range") ? null : status switch
        {
            200 => new HubServer.Answer(200, hub.Server.Files[Weights]),
            416 => new HubServer.Answer(416, []),
            _ => answer.With("Content-Range", "bytes 7-9/10"),
        };
        await hub.FetchAsync(cancellation: Cancellation);
        hub.ExpectWhole(Needed);
    }

    [Fact]
    public async Task A_wrong_beginning_is_thrown_away_and_all_comes_anew()
    {
        using var hub = new HubFixture();
        Directory.CreateDirectory(Path.GetDirectoryName(hub.Blob(Weights))!);
        File.WriteAllBytes($"{hub.Blob(Weights)}.incomplete", new byte[1000]);
        await hub.FetchAsync(cancellation: Cancellation);
        hub.ExpectWhole(Needed);
    }

    [Theory]
    [InlineData(Weights)]
    [InlineData("config.json")]
    public async Task A_file_with_a_wrong_hash_is_not_used(string file)
    {
        using var hub = new HubFixture();
        hub.Server.Change = (request, answer) => request.Method == "GET" && request.Path.Split('?')[0].EndsWith("/" + file, StringComparison.Ordinal)
            && answer.Status == 200
            ? answer with { Body = Changed(answer.Body) } : null;
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => hub.FetchAsync(cancellation: Cancellation));

        Assert.Contains(file, error.Message, StringComparison.Ordinal);
        Assert.Contains("does not have the hash", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(hub.Blob(file)));
        Assert.False(File.Exists($"{hub.Blob(file)}.incomplete"));
        Assert.False(Path.Exists(Path.Combine(hub.Snapshot, file)));

        hub.Server.Change = null;
        await hub.FetchAsync(cancellation: Cancellation);
        hub.ExpectWhole(Needed);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_blob_that_was_changed_on_disk_is_replaced(bool usesLinks)
    {
        using var hub = new HubFixture();
        hub.Settings = hub.Settings with { UsesLinks = usesLinks };
        await hub.FetchAsync(cancellation: Cancellation);
        File.WriteAllBytes(usesLinks ? hub.Blob(Weights) : Path.Combine(hub.Snapshot, Weights), Changed(hub.Server.Files[Weights]));
        await hub.FetchAsync(cancellation: Cancellation);
        hub.ExpectWhole(Needed);
    }

    [Fact]
    public async Task More_bytes_than_were_told_are_refused()
    {
        using var hub = new HubFixture();
        hub.Server.Change = (request, answer) => request.IsHub ? null : answer with { Body = [.. answer.Body, .. new byte[100_000]], HasLength = false };
        Assert.Contains("sends more than", (await Assert.ThrowsAsync<InvalidDataException>(() => hub.FetchAsync(cancellation: Cancellation))).Message,
            StringComparison.Ordinal);
        Assert.False(File.Exists(hub.Blob(Weights)));
    }

    [Fact]
    public async Task A_server_that_says_nothing_for_long_is_asked_again()
    {
        using var hub = new HubFixture();
        hub.Settings = hub.Settings with { StallTimeout = TimeSpan.FromMilliseconds(500) };
        var slow = 0;
        hub.Server.Change = (request, answer) => !request.IsHub && Interlocked.Increment(ref slow) == 1 ? answer with { Delay = TimeSpan.FromSeconds(30) }
            : null;
        await hub.FetchAsync(cancellation: Cancellation);
        hub.ExpectWhole(Needed);
        Assert.Equal(2, slow);
    }

    [Fact]
    public async Task Errors_that_pass_are_waited_for_and_others_are_not()
    {
        using var hub = new HubFixture();
        var asked = new ConcurrentDictionary<string, bool>();
        hub.Server.Change = (request, _) => asked.TryAdd($"{request.Method} {request.Path}", true) ? new HubServer.Answer(503, []) : null;
        await hub.FetchAsync(cancellation: Cancellation);
        hub.ExpectWhole(Needed);

        hub.Server.Requests.Clear();
        hub.Server.Change = (_, _) => new HubServer.Answer(500, []);
        Assert.Equal(HttpStatusCode.InternalServerError, (await Assert.ThrowsAsync<HttpRequestException>(() =>
            hub.FetchAsync(cancellation: Cancellation))).StatusCode);
        Assert.Equal(5, hub.Server.Requests.Count);
    }

    [Theory]
    [InlineData(401, "GatedRepo", null, "is gated", "HF_TOKEN")]
    [InlineData(403, "GatedRepo", "hf_x", "has no access to it", "accept its terms")]
    [InlineData(401, "RepoNotFound", null, "knows no public model", "HF_TOKEN")]
    [InlineData(401, "", "hf_x", "does not let this token", "HF_TOKEN")]
    [InlineData(403, "", "hf_x", "to this token", "permission")]
    [InlineData(404, "RevisionNotFound", null, "has no revision 'main'", "branches")]
    [InlineData(404, "", null, "has no model", "spelling")]
    public async Task A_refusal_says_what_to_do(int status, string code, string? token, params string[] words)
    {
        using var hub = new HubFixture();
        hub.Settings = hub.Settings with { Token = token };
        hub.Server.Change = (_, _) => new HubServer.Answer(status, Encoding.UTF8.GetBytes("{}")).With("X-Error-Code", code);
        var error = await Assert.ThrowsAsync<HttpRequestException>(() => hub.FetchAsync(cancellation: Cancellation));
        Assert.Equal(status, (int)error.StatusCode!);
        Assert.All([HubServer.Repository, .. words], word => Assert.Contains(word, error.Message, StringComparison.Ordinal));
        Assert.DoesNotContain("hf_x", error.Message, StringComparison.Ordinal);
        Assert.Single(hub.Server.Requests);
    }

    [Fact]
    public async Task Files_that_only_the_storage_is_refused_for_say_it()
    {
        using var hub = new HubFixture();
        hub.Server.Change = (request, _) => request.IsHub ? null : new HubServer.Answer(403, []);
        var error = await Assert.ThrowsAsync<HttpRequestException>(() => hub.FetchAsync(cancellation: Cancellation));
        Assert.Contains("403", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("signature", error.Message, StringComparison.Ordinal);
        Assert.Null(hub.Cache.CommitOf(HubServer.Repository, "main"));
    }

    [Fact]
    public async Task Shards_come_by_their_index_alone()
    {
        using var hub = new HubFixture(folder =>
        {
            File.Move(Path.Combine(folder, Weights), Path.Combine(folder, "model-00001-of-00002.safetensors"));
            File.WriteAllText(Path.Combine(folder, "model-00002-of-00002.safetensors"), "b");
            File.WriteAllText(Path.Combine(folder, "model-00003-of-00003.safetensors"), "another");
            File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"),
                """
                {
                  "weight_map": {
                    "a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors", "c": "model-00001-of-00002.safetensors"
                  }
                }
                """);
        });
        await hub.FetchAsync(cancellation: Cancellation);
        hub.ExpectWhole(
            "config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors");
    }

    [Fact]
    public async Task Beside_the_single_file_an_index_and_its_shards_stay_where_they_are()
    {
        using var hub = new HubFixture(folder => File.WriteAllText(
            Path.Combine(folder, "model.safetensors.index.json"), """{ "weight_map": { "a": "model-00001-of-00002.safetensors" } }"""));
        Assert.Equal(hub.Snapshot, await hub.FetchAsync(cancellation: Cancellation));
        hub.ExpectWhole(Needed);
        // Python may have fetched the index too.
        File.WriteAllText(Path.Combine(hub.Snapshot, "model.safetensors.index.json"), "{}");
        Assert.True(HubName.TryParse(HubServer.Repository, out var name));
        Assert.Equal(hub.Snapshot, CachedModel.Find(name, hub.Cache, out _));
    }

    [Theory]
    [InlineData("../../../outside.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("C:\\x.safetensors")]
    [InlineData("missing.safetensors")]
    public async Task An_index_leads_to_no_other_place(string shard)
    {
        using var hub = new HubFixture(folder =>
        {
            File.Delete(Path.Combine(folder, Weights));
            File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"), "{\"weight_map\": {\"a\": \"" + shard.Replace("\\", "\\\\",
                StringComparison.Ordinal) + "\"}}");
        });
        hub.Server.Files[shard] = [1];
        if (shard == "missing.safetensors")
            hub.Server.Files.Remove(shard, out _);
        await Assert.ThrowsAsync<InvalidDataException>(() => hub.FetchAsync(cancellation: Cancellation));
    }

    [Fact]
    public async Task A_GGUF_comes_alone_with_its_shards()
    {
        using var hub = new HubFixture(folder =>
        {
            foreach (var name in (string[])["a.gguf", "big/b-00001-of-00002.gguf", "big/b-00002-of-00002.gguf"])
            {
                Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, name))!);
                File.WriteAllText(Path.Combine(folder, name), name);
            }
        });
        var path = await hub.FetchAsync($"{HubServer.Repository}/a.gguf", Cancellation);
        Assert.Equal(Path.Combine(hub.Snapshot, "a.gguf"), path);
        Assert.Equal("a.gguf", File.ReadAllText(path));
        path = await hub.FetchAsync($"{HubServer.Repository}@{HubServer.Commit}/big/b-00002-of-00002.gguf", Cancellation);
        Assert.EndsWith("b-00002-of-00002.gguf", path, StringComparison.Ordinal);
        Assert.Equal(3, Directory.GetFiles(hub.Snapshot, "*", SearchOption.AllDirectories).Length);

        var error = await Assert.ThrowsAsync<InvalidDataException>(() => hub.FetchAsync($"{HubServer.Repository}/c.gguf", Cancellation));
        Assert.Contains("--file a.gguf", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("x.gguf", "moka pull owner/tiny-llama --file x.gguf")]
    [InlineData("another.bin", "another.bin, pytorch_model.bin", "save_pretrained")]
    public async Task Without_safetensors_the_error_names_the_way_out(string other, params string[] words)
    {
        using var hub = new HubFixture(folder =>
        {
            File.Delete(Path.Combine(folder, Weights));
            File.Delete(Path.Combine(folder, "consolidated.safetensors"));
            File.Delete(Path.Combine(folder, "onnx/model.onnx"));
            File.WriteAllText(Path.Combine(folder, other), "");
        });
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => hub.FetchAsync(cancellation: Cancellation));
        Assert.All(words.SelectMany(text => text.Split(", ")), word => Assert.Contains(word, error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_server_that_gives_no_hash_is_refused()
    {
        using var hub = new HubFixture();
        hub.Server.Change = (request, answer) => request.Method == "HEAD" ? answer.With("X-Linked-Etag", "\"abc\"").With("ETag", "W/\"abc\"") : null;
        Assert.Contains("gives no hash", (await Assert.ThrowsAsync<InvalidDataException>(() => hub.FetchAsync(cancellation: Cancellation))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redirects_that_never_end_do()
    {
        using var hub = new HubFixture();
        hub.Server.Change = (request, _) => new HubServer.Answer(307, []).With("Location", request.Path);
        await Assert.ThrowsAsync<InvalidDataException>(() => hub.FetchAsync(cancellation: Cancellation));
        Assert.InRange(hub.Server.Requests.Count, 2, 20);
    }

    [Fact]
    public async Task A_repository_that_was_renamed_is_followed()
    {
        using var hub = new HubFixture();
        Assert.True(HubName.TryParse("old/name", out var old));
        hub.Server.Change = (request, _) => request.Path.Contains("old/name", StringComparison.Ordinal)
            ? new HubServer.Answer(307, []).With("Location", request.Path.Replace("old/name", HubServer.Repository, StringComparison.Ordinal)) : null;
        var folder = await HubDownload.RunAsync(old, hub.Settings, null, Cancellation);
        Assert.Equal(folder, CachedModel.Find(old, hub.Cache, out _));
    }

    [Fact]
    public async Task Several_at_once_fetch_once()
    {
        using var hub = new HubFixture();
        hub.Server.Change = (request, answer) => request.IsHub ? null : answer with { Delay = TimeSpan.FromMilliseconds(30) };
        var folders = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => HubDownload.RunAsync(new HubName(HubServer.Repository, null, null), hub.Settings,
            null, Cancellation)));
        Assert.Single(folders.Distinct());
        hub.ExpectWhole(Needed);
        Assert.All(Needed, name => Assert.Equal(1, hub.Server.Requests.Count(request => request.Method == "GET" && request.IsHub
            && request.Path.EndsWith("/" + name, StringComparison.Ordinal))));
    }

    [Fact]
    public async Task Two_processes_fetch_once_and_a_killed_one_leaves_its_part()
    {
        using var hub = new HubFixture();
        (string, string)[] variables = [("HF_ENDPOINT", hub.Server.Endpoint), ("HF_HUB_CACHE", hub.Settings.CacheFolder), ("HF_TOKEN", "hf_child")];
        hub.Server.Change = (request, answer) => request.IsHub ? null : answer with { Delay = TimeSpan.FromSeconds(5) };
        using (var killed = FreshProcess.Start(typeof(HubDownloadTests), nameof(InAProcessOfItsOwn), variables))
        {
            var part = new FileInfo($"{hub.Blob(Weights)}.incomplete");
            for (var i = 0; i < 600 && !(part.Exists && part.Length > 0); i++)
            {
                await Task.Delay(50, Cancellation);
                part.Refresh();
            }
            killed.Kill(entireProcessTree: true);
            await killed.WaitForExitAsync(Cancellation);
            Assert.InRange(part.Length, 1, hub.Server.Files[Weights].Length - 1);
        }
        Assert.Null(CachedModel.Find(new HubName(HubServer.Repository, null, null), hub.Cache, out _));
        hub.Server.Requests.Clear();
        hub.Server.Change = (request, answer) => request.IsHub ? null : answer with { Delay = TimeSpan.FromMilliseconds(200) };
        await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() => FreshProcess.Run(typeof(HubDownloadTests), nameof(InAProcessOfItsOwn),
            variables), Cancellation)));
        hub.ExpectWhole(Needed);
        var request = Assert.Single(hub.Server.Requests, request => !request.IsHub);
        Assert.StartsWith("bytes=", request.Headers["Range"], StringComparison.Ordinal);
    }

    [Fact(Explicit = true)]
    public Task InAProcessOfItsOwn() => MokaBackbone.DownloadAsync(HubServer.Repository, cancellationToken: Cancellation);

    [Fact]
    public async Task Offline_only_the_cache_counts()
    {
        using var hub = new HubFixture();
        hub.Settings = hub.Settings with { IsOffline = true };
        var error = await Assert.ThrowsAsync<FileNotFoundException>(() => hub.FetchAsync(cancellation: Cancellation));
        Assert.Contains("HF_HUB_OFFLINE", error.Message, StringComparison.Ordinal);
        hub.Settings = hub.Settings with { IsOffline = false };
        var folder = await hub.FetchAsync(cancellation: Cancellation);
        hub.Server.Requests.Clear();
        hub.Settings = hub.Settings with { IsOffline = true };
        Assert.Equal(folder, await hub.FetchAsync(cancellation: Cancellation));
        Assert.Empty(hub.Server.Requests);
    }

    [Theory]
    [InlineData("sha", "\"../../x\"")]
    [InlineData("sha", "7")]
    [InlineData("siblings", "[{\"rfilename\": 7}]")]
    [InlineData("siblings", "{}")]
    public async Task A_list_that_is_none_is_refused(string field, string value)
    {
        using var hub = new HubFixture();
        hub.Server.Change = (_, _) => new HubServer.Answer(200, Encoding.UTF8.GetBytes(
            field == "sha" ? $$"""{"sha": {{value}}, "siblings": []}""" : $$"""{"sha": "{{HubServer.Commit}}", "siblings": {{value}}}"""));
        await Assert.ThrowsAsync<InvalidDataException>(() => hub.FetchAsync(cancellation: Cancellation));
    }

    private static byte[] Changed(byte[] content)
    {
        byte[] changed = [.. content];
        changed[content.Length / 2] ^= 1;
        return changed;
    }
}
