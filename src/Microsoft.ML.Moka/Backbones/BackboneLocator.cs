using System.Security;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Checkpoints.Hub;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>Finds the backbone that a saved model refers to; one that has changed is not taken.</summary>
internal static class BackboneLocator
{
    public const string EnvironmentVariable = "MOKA_BACKBONE_PATH";

    /// <summary>
    /// Looks at the recorded path, at what <see cref="EnvironmentVariable"/> names (folders and GGUFs, or folders that hold one of the recorded name), in
    /// Hugging Face's cache if it was there, and at what the resolver says.
    /// </summary>
    /// <exception cref="InvalidOperationException">None of them holds the backbone; the message says what was found where.</exception>
    public static BackboneSource Find(BackboneReference reference, Func<BackboneReference, string?>? resolver)
    {
        var looked = new List<string>();
        foreach (var (origin, path) in Places(reference, resolver))
        {
            if (Refusal(path, reference.Fingerprint) is not { } refusal)
                return BackboneSource.Open(path);
            looked.Add($"  {origin} '{path}': {refusal}");
        }
        throw new InvalidOperationException(
            $"The backbone that this model was tuned on ({reference.Fingerprint}) was not found:{Environment.NewLine}" +
            $"{string.Join(Environment.NewLine, looked)}{Environment.NewLine}" +
            $"Set the environment variable {EnvironmentVariable} to its folder, or MokaTransformer.BackboneResolver; or save the model " +
            $"with Options.SaveBackbone, so that it has the backbone inside.");
    }

    private static IEnumerable<(string Origin, string Path)> Places(BackboneReference reference, Func<BackboneReference, string?>? resolver)
    {
        yield return ("recorded path", reference.Path);
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(reference.Path.Replace('\\', '/')));
        foreach (var folder in (Environment.GetEnvironmentVariable(EnvironmentVariable) ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
        {
            yield return (EnvironmentVariable, folder);
            if (name.Length > 0 && Path.Exists(Path.Combine(folder, name)))
                yield return (EnvironmentVariable, Path.Combine(folder, name));
        }
        // The cache of another machine, or of another user, may lie elsewhere.
        if (CachedModel.NameOf(reference.Path) is { } cached)
            yield return ("Hugging Face's cache", cached.ToString());
        if (resolver?.Invoke(reference) is { } resolved)
            yield return ("resolver", resolved);
    }

    /// <summary>Why a folder does not serve; null if it does.</summary>
    private static string? Refusal(string path, string fingerprint)
    {
        try
        {
            // A name stands for a model of the cache.
            if (!Path.Exists(path) && !HubName.TryParse(path, out _))
                return "there is no such folder, nor such a file.";
            var found = SharedBackbone.FingerprintOf(BackboneFiles.At(path));
            return found == fingerprint ? null : $"holds another backbone, or this one was changed since: its fingerprint is {found}.";
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException or SecurityException or ArgumentException)
        {
            return e.Message;
        }
    }
}
