using System.Text.Json;
using System.Text.Json.Serialization;

namespace RealBackbone;

/// <summary>
/// The runs that are finished: a file with one line of JSON for each, written when the run is at its end. Several processes may share the folder: a run that
/// one of them is at is left to it.
/// </summary>
/// <param name="path">The folder; null to keep results in memory alone.</param>
internal sealed class ResultFolder(string? path)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    private readonly List<RunResult> _inMemory = [];

    /// <summary>Makes a run, unless it was made before or another process is at it.</summary>
    /// <param name="settings">The run.</param>
    /// <param name="run">Makes it; its argument is a folder for what an interrupted run goes on from, or null.</param>
    /// <returns>What was done, in a word or two.</returns>
    public string Complete(RunSettings settings, Func<string?, RunResult> run)
    {
        if (path is null)
        {
            _inMemory.Add(run(null));
            return "done";
        }
        Directory.CreateDirectory(path);
        var file = Path.Combine(path, settings.Name + ".json");
        if (File.Exists(file))
            return "is there already";
        var claimed = Path.Combine(path, settings.Name + ".running");
        FileStream claim;
        try
        {
            // The system lets go of the claim of a process that dies.
            claim = new FileStream(claimed, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (IOException) when (File.Exists(claimed))
        {
            return "is being made by another process";
        }
        using (claim)
        {
            // The other process may have finished in between.
            if (File.Exists(file))
                return "is there already";
            var checkpoints = Path.Combine(path, settings.Name + ".checkpoint");
            var result = run(checkpoints);
            var written = file + ".new";
            File.WriteAllText(written, JsonSerializer.Serialize(result, Json) + "\n");
            File.Move(written, file);
            if (Directory.Exists(checkpoints))
                Directory.Delete(checkpoints, recursive: true);
            return "done";
        }
    }

    /// <summary>All results that are there, also those of other commands.</summary>
    /// <exception cref="InvalidDataException">A file holds something else.</exception>
    public IReadOnlyList<RunResult> ReadAll() => path is null
        ? _inMemory
        : Directory.Exists(path) ? [.. Directory.GetFiles(path, "*.json").Order(StringComparer.Ordinal).Select(Read)] : [];

    private static RunResult Read(string file)
    {
        try
        {
            return JsonSerializer.Deserialize<RunResult>(File.ReadAllText(file), Json) ?? throw new JsonException("It is empty.");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"'{file}' is no result of this program: {e.Message} Delete it, or name another folder.", e);
        }
    }
}
