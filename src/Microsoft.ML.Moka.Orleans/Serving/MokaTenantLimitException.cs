using Orleans;

namespace Microsoft.ML.Moka;

/// <summary>A tenant has as many texts under way as it may: ask again when some of them are answered.</summary>
[GenerateSerializer]
public sealed class MokaTenantLimitException : Exception
{
    /// <summary>Says which tenant.</summary>
    /// <param name="message">The message.</param>
    public MokaTenantLimitException(string message)
        : base(message)
    {
    }
}
