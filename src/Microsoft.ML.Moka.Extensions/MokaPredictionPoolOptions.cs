namespace Microsoft.ML.Moka;

/// <summary>How a <see cref="MokaPredictionPool{TRow, TPrediction}"/> is filled and bounded.</summary>
public sealed class MokaPredictionPoolOptions
{
    /// <summary>
    /// The most engines of a model, and so the most predictions at a time, at least 1; others wait. Default: the number of processors. A prediction takes all
    /// processors that are free, so that more engines are of little use.
    /// </summary>
    public int MaximumEngines { get; set; } = Environment.ProcessorCount;

    /// <summary>How often watched files are looked at, at least 10 ms. Default: half a second.</summary>
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromMilliseconds(500);

    internal List<PooledFile> Files { get; } = [];

    /// <summary>Takes a model out of a file, under the name that is asked for where none is given.</summary>
    /// <param name="filePath">The file. It has to be there when the pool is made.</param>
    /// <param name="watchForChanges">
    /// Whether a file that takes its place (by renaming, behind a symbolic link or a linked folder, or by being written anew) is taken into
    /// service.
    /// </param>
    /// <returns>These options.</returns>
    public MokaPredictionPoolOptions FromFile(string filePath, bool watchForChanges = false) => FromFile("", filePath, watchForChanges);

    /// <summary>Takes a model out of a file.</summary>
    /// <param name="modelName">The name that it is asked for by.</param>
    /// <param name="filePath">The file. It has to be there when the pool is made.</param>
    /// <param name="watchForChanges">
    /// Whether a file that takes its place (by renaming, behind a symbolic link or a linked folder, or by being written anew) is taken into
    /// service.
    /// </param>
    /// <returns>These options.</returns>
    /// <exception cref="ArgumentException">There is a model of that name already.</exception>
    public MokaPredictionPoolOptions FromFile(string modelName, string filePath, bool watchForChanges = false)
    {
        ArgumentNullException.ThrowIfNull(modelName);
        ArgumentException.ThrowIfNullOrEmpty(filePath);
        if (Files.Exists(file => file.Name == modelName))
            throw new ArgumentException(
                modelName.Length > 0 ? $"There is a model '{modelName}' already." : "There is a model without a name already: give the others names.",
                nameof(modelName));
        Files.Add(new PooledFile(modelName, Path.GetFullPath(filePath), watchForChanges));
        return this;
    }

    internal void Check()
    {
        if (MaximumEngines < 1)
            throw new ArgumentException(FormattableString.Invariant($"MaximumEngines is {MaximumEngines}; it must be at least 1."));
        if (Files.Count == 0)
            throw new ArgumentException("The pool has no model: name its file with FromFile.");
    }
}

/// <summary>A file that a model comes from.</summary>
internal sealed record PooledFile(string Name, string Path, bool IsWatched);
