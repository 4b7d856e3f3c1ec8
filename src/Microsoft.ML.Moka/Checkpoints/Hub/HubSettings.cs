namespace Microsoft.ML.Moka.Checkpoints.Hub;

/// <summary>What huggingface_hub's environment variables say, read as it reads them.</summary>
internal sealed record HubSettings
{
    public const string OfflineVariable = "HF_HUB_OFFLINE";
    private const string DefaultEndpoint = "https://huggingface.co";

    /// <summary>The folder of the cache.</summary>
    public required string CacheFolder { get; init; }

    /// <summary>The hub's address.</summary>
    public required Uri Endpoint { get; init; }

    /// <summary>What gated and private models are read with; null for nothing.</summary>
    public string? Token { get; init; }

    /// <summary>Whether nothing may be fetched.</summary>
    public bool IsOffline { get; init; }

    /// <summary>Whether a snapshot has links to its blobs, where the system lets us make them; else it has the files themselves.</summary>
    public bool UsesLinks { get; init; } = true;

    /// <summary>Without a byte for so long, a connection counts as broken.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The first wait before another try; each later one is twice as long.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The settings of this process.</summary>
    public static HubSettings OfProcess() => Read(Environment.GetEnvironmentVariable);

    /// <param name="variable">The value of an environment variable; null where it is not set.</param>
    /// <exception cref="ArgumentException">HF_ENDPOINT is no address, or HF_TOKEN no token.</exception>
    public static HubSettings Read(Func<string, string?> variable)
    {
        var home = Folder(Value("HF_HOME") ?? Path.Combine(Value("XDG_CACHE_HOME") ?? Path.Combine("~", ".cache"), "huggingface"));
        var tokenFile = Folder(Value("HF_TOKEN_PATH") ?? Path.Combine(home, "token"));
        return new HubSettings
        {
            CacheFolder = Folder(Value("HF_HUB_CACHE") ?? Value("HUGGINGFACE_HUB_CACHE") ?? Path.Combine(home, "hub")),
            Endpoint = EndpointOf(Value("HF_ENDPOINT") ?? DefaultEndpoint, "HF_ENDPOINT"),
            Token = IsTrue("HF_HUB_DISABLE_IMPLICIT_TOKEN") ? null : TokenOf(Value("HF_TOKEN") ?? Value("HUGGING_FACE_HUB_TOKEN") ?? TokenIn(tokenFile),
                "HF_TOKEN"),
            IsOffline = IsTrue(OfflineVariable) || IsTrue("TRANSFORMERS_OFFLINE"),
            UsesLinks = !IsTrue("HF_HUB_DISABLE_SYMLINKS"),
        };

        string? Value(string name) => variable(name)?.Trim() is { Length: > 0 } value ? value : null;

        bool IsTrue(string name) => Value(name)?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE";
    }

    /// <exception cref="ArgumentException">It is no address of a web server.</exception>
    public static Uri EndpointOf(string text, string source) =>
        Uri.TryCreate(text.TrimEnd('/'), UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttps || uri.Scheme == Uri.UriSchemeHttp)
            ? uri
            : throw new ArgumentException($"{source} is '{text}', which is no address such as {DefaultEndpoint}.", nameof(text));

    /// <exception cref="ArgumentException">It has characters that no token has.</exception>
    public static string? TokenOf(string? text, string source) => text is null || text.All(letter => letter is > ' ' and < '\x7F') ? text
        : throw new ArgumentException($"{source} holds blanks or letters that no token has: take it over again.", nameof(text));

    private static string Folder(string path)
    {
        path = Environment.ExpandEnvironmentVariables(path);
        if (path == "~" || path.StartsWith("~/", StringComparison.Ordinal) || path.StartsWith($"~{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            path = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) + path[1..];
        return Path.GetFullPath(path);
    }

    // Whoever logs in with Python leaves the token there.
    private static string? TokenIn(string file)
    {
        try
        {
            return new FileInfo(file) is { Exists: true, Length: < 4096 } && File.ReadAllText(file).Trim() is { Length: > 0 } token ? token : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
