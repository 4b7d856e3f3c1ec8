namespace Microsoft.ML.Moka;

/// <summary>Which models a silo serves, and how much it takes on at a time.</summary>
public sealed class MokaServingOptions
{
    /// <summary>
    /// The folder of the models: <c>tickets.zip</c> is served as <c>tickets</c>. A file that is put there later is found when it is asked for, and one that
    /// takes another's place is exchanged while it is in use. All silos that serve models see the same files. Required.
    /// </summary>
    public string ModelsFolder { get; set; } = "";

    /// <summary>How many texts, of whatever models over one backbone, go through it together, at least 1. Default: 16.</summary>
    public int MaximumBatch { get; set; } = 16;

    /// <summary>How many texts a tenant may have under way at a silo, at least 1; more are refused. Default: 64.</summary>
    public int MaximumTextsOfTenant { get; set; } = 64;

    /// <summary>What single tenants may have under way instead of <see cref="MaximumTextsOfTenant"/>; 0 refuses all that one asks.</summary>
    public IDictionary<string, int> TextsOfTenant { get; } = new Dictionary<string, int>(StringComparer.Ordinal);

    /// <summary>How often the file of a model in use is looked at, from 10 ms to a day. Default: half a second.</summary>
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromMilliseconds(500);

    internal void Check()
    {
        if (!Directory.Exists(ModelsFolder))
            throw new ArgumentException($"ModelsFolder is '{ModelsFolder}', where no folder is: name the folder of the models' files.");
        if (MaximumBatch < 1)
            throw new ArgumentException(FormattableString.Invariant($"MaximumBatch is {MaximumBatch}; it must be at least 1."));
        if (MaximumTextsOfTenant < 1)
            throw new ArgumentException(FormattableString.Invariant($"MaximumTextsOfTenant is {MaximumTextsOfTenant}; it must be at least 1."));
        foreach (var (tenant, texts) in TextsOfTenant)
        {
            if (texts < 0)
                throw new ArgumentException(FormattableString.Invariant($"TextsOfTenant has {texts} for '{tenant}'; it must be at least 0."));
        }
    }

    internal int LimitOf(string tenant) => TextsOfTenant.TryGetValue(tenant, out var limit) ? limit : MaximumTextsOfTenant;
}
