namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>Who takes turns, at what, and how often.</summary>
internal sealed record PeersOptions
{
    public required IReadOnlyList<PeerPart> Parts { get; init; }

    public required IReadOnlyList<string> Models { get; init; }

    public required int Rounds { get; init; }

    public required int Steps { get; init; }

    public required int NewTokens { get; init; }

    public required int Threads { get; init; }

    public required string Python { get; init; }

    public required string? Script { get; init; }

    public required IReadOnlyList<string> TorchPrecisions { get; init; }

    /// <summary>Moka takes a turn in each; empty for the usual one.</summary>
    public required IReadOnlyList<string> Precisions { get; init; }

    public required string MokaOptions { get; init; }

    public required IReadOnlyList<string> Without { get; init; }
}
