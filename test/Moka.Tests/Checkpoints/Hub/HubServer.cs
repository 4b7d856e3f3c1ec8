using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Microsoft.ML.Moka.Tests.Checkpoints.Hub;

/// <summary>A hub on localhost with one repository, and its storage on another port, that answers as the real one does, and as badly as a test wants.</summary>
internal sealed class HubServer : IDisposable
{
    public const string Repository = "owner/tiny-llama";
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private readonly TcpListener _hub = Start();
    private readonly TcpListener _storage = Start();
    private readonly CancellationTokenSource _stop = new();

    public HubServer(string folder)
    {
        foreach (var path in Directory.GetFiles(folder, "*", SearchOption.AllDirectories))
            Files[Path.GetRelativePath(folder, path).Replace('\\', '/')] = File.ReadAllBytes(path);
        _ = Task.Run(() => ListenAsync(_hub));
        _ = Task.Run(() => ListenAsync(_storage));
    }

    public ConcurrentDictionary<string, byte[]> Files { get; } = new();

    /// <summary>All requests, as "hub GET /path" or "storage GET /path".</summary>
    public ConcurrentQueue<Request> Requests { get; } = new();

    /// <summary>Changes an answer, or makes another one; null leaves it.</summary>
    public Func<Request, Answer, Answer?>? Change { get; set; }

    public string Endpoint => $"http://127.0.0.1:{((IPEndPoint)_hub.LocalEndpoint).Port}";

    private string StorageAddress => $"http://127.0.0.1:{((IPEndPoint)_storage.LocalEndpoint).Port}";

    public static string Sha256(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

#pragma warning disable CA5350 // What git calls a blob is no secret.
    public static string GitHash(byte[] content) =>
        Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {content.Length}\0"), .. content]));
#pragma warning restore CA5350

    /// <summary>What a blob of the file is called.</summary>
    public string HashOf(string path) => IsLarge(path) ? Sha256(Files[path]) : GitHash(Files[path]);

    public int CountOf(string method, string ending) => Requests.Count(request => request.Method == method && request.Path.EndsWith(ending,
        StringComparison.Ordinal));

    public void Dispose()
    {
        _stop.Cancel();
        _hub.Stop();
        _storage.Stop();
    }

    private static bool IsLarge(string path) => path.EndsWith(".safetensors", StringComparison.Ordinal) || path.EndsWith(".gguf", StringComparison.Ordinal);

    private static TcpListener Start()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return listener;
    }

    private async Task ListenAsync(TcpListener listener)
    {
        while (!_stop.IsCancellationRequested)
        {
            TcpClient client;
            try
            {
                client = await listener.AcceptTcpClientAsync(_stop.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
            _ = Task.Run(async () =>
            {
                using (client)
                {
                    try
                    {
                        await ServeAsync(client, listener == _hub);
                    }
                    catch (Exception e) when (e is IOException or OperationCanceledException)
                    {
                        // The other side has gone.
                    }
                }
            });
        }
    }

    private async Task ServeAsync(TcpClient client, bool isHub)
    {
        await using var stream = client.GetStream();
        using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
        var line = (await reader.ReadLineAsync(_stop.Token))?.Split(' ');
        if (line is not [var method, var path, _])
            return;
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        while (await reader.ReadLineAsync(_stop.Token) is { Length: > 0 } header)
            headers[header[..header.IndexOf(':', StringComparison.Ordinal)]] = header[(header.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
        var request = new Request(isHub, method, path, headers);
        Requests.Enqueue(request);
        var answer = isHub ? AnswerOfHub(request) : AnswerOfStorage(request);
        answer = Change?.Invoke(request, answer) ?? answer;
        var head = new StringBuilder($"HTTP/1.1 {answer.Status} X\r\nConnection: close\r\n");
        if (!answer.Headers.ContainsKey("Content-Length") && answer.HasLength)
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {answer.Body.Length}\r\n");
        foreach (var (name, value) in answer.Headers)
            head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()), _stop.Token);
        if (method == "HEAD")
            return;
        var until = Math.Min(answer.BreaksAfter ?? int.MaxValue, answer.Body.Length);
        var chunk = answer.Delay > TimeSpan.Zero ? Math.Max(until / 8, 1) : Math.Max(until, 1);
        for (var sent = 0; sent < until; sent += chunk)
        {
            await stream.WriteAsync(answer.Body.AsMemory(sent, Math.Min(chunk, until - sent)), _stop.Token);
            await stream.FlushAsync(_stop.Token);
            await Task.Delay(answer.Delay, _stop.Token);
        }
    }

    private Answer AnswerOfHub(Request request)
    {
        if (request.Path == $"/api/models/{Repository}/revision/main" || request.Path == $"/api/models/{Repository}/revision/{Commit}")
        {
            var list = JsonSerializer.Serialize(new { sha = Commit, siblings = Files.Keys.Select(path => new { rfilename = path }) });
            return new Answer(200, Encoding.UTF8.GetBytes(list));
        }
        var prefix = $"/{Repository}/resolve/{Commit}/";
        if (!request.Path.StartsWith(prefix, StringComparison.Ordinal) || !Files.TryGetValue(Uri.UnescapeDataString(request.Path[prefix.Length..]),
            out var content))
            return new Answer(404, []);
        var path = Uri.UnescapeDataString(request.Path[prefix.Length..]);
        if (!IsLarge(path))
            return Part(request, content).With("ETag", $"\"{GitHash(content)}\"").With("X-Repo-Commit", Commit);
        return new Answer(302, []).With("Location", $"{StorageAddress}/{path}?signature=x").With("X-Linked-Etag", $"\"{Sha256(content)}\"")
            .With("X-Linked-Size", content.Length.ToString(CultureInfo.InvariantCulture)).With("X-Repo-Commit", Commit).With("ETag", "\"not-a-hash\"");
    }

    private Answer AnswerOfStorage(Request request) => Files.TryGetValue(request.Path.Split('?')[0].TrimStart('/'), out var content)
        ? Part(request, content).With("ETag", "\"storage\"") : new Answer(404, []);

    private static Answer Part(Request request, byte[] content)
    {
        if (!request.Headers.TryGetValue("Range", out var range))
            return new Answer(200, content);
        var start = int.Parse(range["bytes=".Length..].TrimEnd('-'), CultureInfo.InvariantCulture);
        return new Answer(206, content[start..]).With("Content-Range", FormattableString.Invariant($"bytes {start}-{content.Length - 1}/{content.Length}"));
    }

    internal sealed record Request(bool IsHub, string Method, string Path, IReadOnlyDictionary<string, string> Headers);

    /// <summary>An answer.</summary>
    internal sealed record Answer(int Status, byte[] Body)
    {
        public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

        public bool HasLength { get; init; } = true;

        /// <summary>After so many bytes of the body the connection is closed.</summary>
        public int? BreaksAfter { get; init; }

        /// <summary>The body comes in eight parts, with so long between them.</summary>
        public TimeSpan Delay { get; init; }

        public Answer With(string name, string value) => this with { Headers = new Dictionary<string, string>(Headers) { [name] = value } };
    }
}
