namespace Microsoft.ML.Moka.Backbones;

/// <summary>The weights of a decoder layer, by what they do.</summary>
internal sealed record LayerWeights
{
    public required NormWeight InputNorm { get; init; }

    /// <summary>The norm of each head of the queries, where there is one.</summary>
    public NormWeight? QueryNorm { get; init; }

    /// <summary>The norm of each head of the keys, where there is one.</summary>
    public NormWeight? KeyNorm { get; init; }

    public required LinearMap Query { get; init; }

    public required LinearMap Key { get; init; }

    public required LinearMap Value { get; init; }

    public required LinearMap Output { get; init; }

    /// <summary>The norm of what goes into the feed-forward part.</summary>
    public required NormWeight OutputNorm { get; init; }

    public required LinearMap Gate { get; init; }

    public required LinearMap Up { get; init; }

    public required LinearMap Down { get; init; }

    /// <summary>All linear maps, in the order of <see cref="LlamaConfig.LayerMaps"/>.</summary>
    public IEnumerable<LinearMap> Maps => [Query, Key, Value, Output, Gate, Up, Down];
}
