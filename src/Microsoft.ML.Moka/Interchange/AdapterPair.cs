using System.Security.Cryptography;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Interchange;

/// <summary>
/// The two files of one save of an adapter, read while others write. Weights that Moka saved name the hash of their config, so that two files which do not
/// belong together are told from those that do; PEFT's name none, and are taken as they lie.
/// </summary>
/// <param name="Weights">The content of <c>adapter_model.safetensors</c>.</param>
/// <param name="Config">The content of <c>adapter_config.json</c>.</param>
/// <param name="ConfigSource">What errors call the config.</param>
internal sealed record AdapterPair(FileContent Weights, byte[] Config, string ConfigSource)
{
    private const string HashKey = "moka_config_sha256";

    // Where the adapter's backbone lies is no part of the adapter: whoever moves the one edits the other.
    private const string BackboneField = "base_model_name_or_path";

    private const int MostTries = 5;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    /// <summary>What the weights say beside their tensors.</summary>
    public static Dictionary<string, string> Metadata(byte[] config) =>
        new(CheckpointWriter.Metadata, StringComparer.Ordinal) { [HashKey] = HashOf(config, AdapterConfigFile.Name) };

    /// <summary>The files of the latest save that is whole; the caller disposes the weights.</summary>
    /// <exception cref="FileNotFoundException">One of the files is missing.</exception>
    /// <exception cref="InvalidDataException">A file is damaged, or the two do not belong together.</exception>
    public static AdapterPair Open(string folder)
    {
        var files = new FolderFiles(folder);
        string? wanted = null;
        for (var tries = 1; ; tries++)
        {
            if (!files.Contains(StoredAdapter.WeightsName))
                throw Missing(files, files.Contains(AdapterConfigFile.Name) ? StoredAdapter.WeightsName : AdapterConfigFile.Name);
            var weights = files.Open(StoredAdapter.WeightsName);
            try
            {
                if (!new SafetensorsFile(weights).Metadata.TryGetValue(HashKey, out var hash))
                {
                    return files.Contains(AdapterConfigFile.Name)
                        ? new AdapterPair(weights, files.ReadAll(AdapterConfigFile.Name), files.PathOf(AdapterConfigFile.Name))
                        : throw Missing(files, AdapterConfigFile.Name);
                }
                if (Find(files, hash) is var (config, source))
                    return new AdapterPair(weights, config, source);
                // Another save since: that one is looked for from the start.
                tries = wanted == hash ? tries : 1;
                wanted = hash;
            }
            catch
            {
                weights.Dispose();
                throw;
            }
            weights.Dispose();
            if (tries == MostTries && !files.Contains(AdapterConfigFile.Name))
                throw Missing(files, AdapterConfigFile.Name);
            if (tries == MostTries)
                throw new InvalidDataException(
                    $"'{files.Location}': {AdapterConfigFile.Name} is not the one that {StoredAdapter.WeightsName} was saved with: " +
                    "the files of two saves were mixed, or one was edited since. Save the adapter again, or put back the file that belongs to the other.");
            Thread.Sleep(Pause);
        }
    }

    /// <summary>The config of a save that was killed after its weights had their name and before its config had; null where there is none.</summary>
    public static string? PendingConfig(string folder)
    {
        var files = new FolderFiles(folder);
        if (!files.Contains(StoredAdapter.WeightsName))
            return null;
        try
        {
            using var weights = SafetensorsFile.Open(files.PathOf(StoredAdapter.WeightsName));
            return weights.Metadata.TryGetValue(HashKey, out var hash) && Find(files, hash) is var (_, source) && source != files.PathOf(AdapterConfigFile.Name)
                ? source
                : null;
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    private static (byte[] Config, string Source)? Find(FolderFiles files, string hash)
    {
        var path = files.PathOf(AdapterConfigFile.Name);
        foreach (var candidate in (string[])[path, .. TemporaryName.Left(path, TemporaryName.Coming)])
        {
            try
            {
                var config = files.ReadAll(Path.GetFileName(candidate));
                if (HashOf(config, candidate) == hash)
                    return (config, candidate);
            }
            catch (FileNotFoundException)
            {
                // It has its own name by now.
            }
            catch (Exception e) when (candidate != path && e is InvalidDataException or IOException)
            {
                // It is being written.
            }
        }
        return null;
    }

    private static string HashOf(byte[] config, string source)
    {
        var fields = JsonFields.Parse(config, source, found => found.Copy());
        fields.Remove(BackboneField);
        return Convert.ToHexStringLower(SHA256.HashData(IndentedJson.Write(fields)));
    }

    private static FileNotFoundException Missing(FolderFiles files, string name) => new(
        files.Contains("adapter_model.bin")
            ? $"'{files.Location}' holds adapter_model.bin, a Python pickle, which is not read: save the adapter with PEFT's safe_serialization."
            : $"'{files.Location}' is no adapter: it needs {AdapterConfigFile.Name} and {StoredAdapter.WeightsName}, and has no {name}.", name);
}
