namespace Microsoft.ML.Moka;

/// <summary>
/// How <see cref="MokaBackbone.DownloadAsync"/> fetches a backbone. What is not set is as huggingface_hub has it, by its environment variables: HF_ENDPOINT,
/// HF_TOKEN, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE.
/// </summary>
public sealed class BackboneDownloadOptions
{
    /// <summary>A branch, a tag or a commit. Default: the one that the name has behind an "@", else "main".</summary>
    public string? Revision { get; set; }

    /// <summary>The path of a GGUF in the repository, which is then fetched alone, with all its shards. Default: none, for the model in safetensors.</summary>
    public string? File { get; set; }

    /// <summary>The folder of the cache. Default: HF_HUB_CACHE, else <c>hub</c> in HF_HOME, else <c>~/.cache/huggingface/hub</c>.</summary>
    public string? CacheFolder { get; set; }

    /// <summary>The hub's address. Default: HF_ENDPOINT, else <c>https://huggingface.co</c>.</summary>
    public string? Endpoint { get; set; }

    /// <summary>
    /// A token for models that are gated or private; it is sent to the hub alone, not to where it redirects. Default: HF_TOKEN, else the file <c>token</c> in
    /// HF_HOME.
    /// </summary>
    public string? Token { get; set; }

    /// <summary>Called while bytes come, on the threads that they come on, never on two at once.</summary>
    public Action<BackboneDownloadProgress>? Progress { get; set; }
}
