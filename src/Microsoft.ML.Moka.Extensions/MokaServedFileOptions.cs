namespace Microsoft.ML.Moka;

/// <summary>How a <see cref="MokaServedFile{TModel}"/> looks after its file.</summary>
public sealed class MokaServedFileOptions
{
    /// <summary>
    /// Whether a file that takes the place of the one in service (by renaming, behind a symbolic link or a linked folder, or by being written anew) is taken
    /// into service. Default: false.
    /// </summary>
    public bool WatchForChanges { get; set; }

    /// <summary>How often a watched file is looked at, at least 10 ms. Default: half a second.</summary>
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// Whether the file has to be there, and to be a model, from the beginning. Otherwise nothing is in service until it is. Default: true.
    /// </summary>
    public bool IsRequired { get; set; } = true;

    /// <summary>Told of each file after it was taken into service (true) or refused (false), on the thread that looked at it. Default: nobody.</summary>
    public Action<bool>? Exchanged { get; set; }

    internal void Check()
    {
        if (PollInterval < TimeSpan.FromMilliseconds(10) || PollInterval > TimeSpan.FromDays(1))
            throw new ArgumentException(FormattableString.Invariant($"PollInterval is {PollInterval}; it must be from 10 ms to a day."));
    }
}
