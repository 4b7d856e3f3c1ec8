using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Checkpoints.Hub;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka;

/// <summary>Gets backbones from Hugging Face's hub, and opens what is of use without their weights.</summary>
/// <example>
/// <code>
/// await MokaBackbone.DownloadAsync("HuggingFaceTB/SmolLM2-135M-Instruct");
/// var options = new MokaTrainer.Options { BackbonePath = "HuggingFaceTB/SmolLM2-135M-Instruct" };
/// </code>
/// </example>
public static class MokaBackbone
{
    /// <summary>
    /// Fetches a model into Hugging Face's cache folder, where Python finds it too: configuration, tokenizer, chat template and the weights in safetensors,
    /// or one GGUF, and nothing else of the repository. What is there already is checked by its hash and not fetched again; what a break has left is gone on
    /// with.
    /// </summary>
    /// <param name="name">
    /// <c>owner/name</c>, <c>owner/name@revision</c>, or for a GGUF <c>owner/name/file.gguf</c>; <c>BackbonePath</c> takes the same name.
    /// </param>
    /// <param name="options">Revision, file, cache folder, address, token, progress; null for the defaults.</param>
    /// <param name="cancellationToken">Cancels the work; what has come stays for the next time.</param>
    /// <returns>The folder of the model, or the path of the GGUF.</returns>
    /// <exception cref="ArgumentException">The name, or an option, makes no sense.</exception>
    /// <exception cref="HttpRequestException">
    /// The hub cannot be reached or refuses; the message says what to do, and <c>StatusCode</c> has its answer.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// The repository has no safetensors, or not the file that is asked for; or what came does not have the right hash.
    /// </exception>
    /// <exception cref="FileNotFoundException">HF_HUB_OFFLINE is set, and the model is not in the cache.</exception>
    public static Task<string> DownloadAsync(string name, BackboneDownloadOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(name);
        options ??= new BackboneDownloadOptions();
        var settings = HubSettings.OfProcess();
        if (options.CacheFolder is { } folder)
            settings = settings with { CacheFolder = Path.GetFullPath(folder) };
        if (options.Endpoint is { } endpoint)
            settings = settings with { Endpoint = HubSettings.EndpointOf(endpoint, nameof(options.Endpoint)) };
        if (options.Token is { } token)
            settings = settings with { Token = HubSettings.TokenOf(token, nameof(options.Token)) };
        return HubDownload.RunAsync(NameOf(name, options), settings, options.Progress, cancellationToken);
    }

    /// <summary>Where a model is in Hugging Face's cache folder, whoever has fetched it; nothing is fetched.</summary>
    /// <param name="name"><c>owner/name</c>, <c>owner/name@revision</c>, or for a GGUF <c>owner/name/file.gguf</c>.</param>
    /// <returns>The folder of the model, or the path of the GGUF; null where it is not there, or only a part of it.</returns>
    public static string? Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return HubName.TryParse(name, out var parsed) ? CachedModel.Find(parsed, new HubCache(HubSettings.OfProcess().CacheFolder), out _) : null;
    }

    /// <summary>The tokenizer of a backbone, to count tokens or for other components of ML.NET; its weights are not read.</summary>
    /// <param name="path">A backbone's folder, GGUF file, or name on Hugging Face's hub where the cache has it; null for the one inside this package.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="FileNotFoundException">There is no such backbone, or it has no tokenizer.</exception>
    /// <exception cref="InvalidDataException">A file is damaged, or of a kind that is not known.</exception>
    public static MokaTokenizer LoadTokenizer(string? path = null) => new(BackboneTokenizer.Load(BackboneSource.Open(path).Files));

    private static HubName NameOf(string text, BackboneDownloadOptions options)
    {
        if (!HubName.TryParse(text, out var name))
            throw new ArgumentException($"'{text}' is no name of a model on the hub: it is OWNER/NAME, such as HuggingFaceTB/SmolLM2-135M-Instruct.",
                nameof(text));
        if (options.Revision is { } revision)
        {
            if (name.Revision is { } named && named != revision)
                throw new ArgumentException($"The name '{text}' and the revision '{revision}' are two revisions: leave one out.", nameof(options));
            if (!HubName.IsRevision(revision))
                throw new ArgumentException($"The revision is '{revision}', which is no name of a branch, a tag or a commit.", nameof(options));
            name = name with { Revision = revision };
        }
        if (options.File is { } file)
        {
            if (name.File is { } named && named != file)
                throw new ArgumentException($"The name '{text}' and the file '{file}' are two files: leave one out.", nameof(options));
            if (!GgufFiles.IsGguf(file) || !HubName.IsPath(file))
                throw new ArgumentException($"The file is '{file}': only a GGUF can be fetched alone, by its path in the repository.", nameof(options));
            name = name with { File = file };
        }
        return name;
    }
}
