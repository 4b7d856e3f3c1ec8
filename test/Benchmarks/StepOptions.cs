namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>What is measured.</summary>
internal sealed record StepOptions
{
    public required string Model { get; init; }

    public required string Backend { get; init; }

    public required string Quantization { get; init; }

    public required string Adapter { get; init; }

    public required string Targets { get; init; }

    public required int Filters { get; init; }

    public required int Rank { get; init; }

    public required string Mode { get; init; }

    public required int Batch { get; init; }

    public required int Sequence { get; init; }

    public required int Steps { get; init; }

    public required int Threads { get; init; }

    public required bool Checkpointing { get; init; }

    /// <summary>How many last tokens of a sequence are scored.</summary>
    public required int Answer { get; init; }

    public required int NewTokens { get; init; }

    public required bool Profile { get; init; }

    /// <summary>How products are computed; null for the usual precision of the machine.</summary>
    public required MokaPrecision? Precision { get; init; }

    /// <summary>The same words as the peer's, but for the precision, which the backend's description has.</summary>
    public string Tag =>
        $"{Model} {Mode} {Quantization} {Adapter}/{Targets}{(Checkpointing ? " ckpt" : "")} T={Threads}";
}
