namespace Microsoft.ML.Moka;

/// <summary>How an adapter is merged into its backbone. What is not set suits a model that is to be used elsewhere in full precision.</summary>
public sealed class MergeOptions
{
    /// <summary>
    /// The form of the merged linear maps: <see cref="BackboneQuantization.None"/>, the default, for the precision that the backbone has on disk; NF4 or FP4
    /// for 4 bits with double quantization in bitsandbytes' layout, which transformers loads too.
    /// </summary>
    public BackboneQuantization Quantization { get; set; }

    /// <summary>
    /// Whether the adapter is added to the weights that it was trained on, quantized as they were in memory, instead of those that the backbone has on disk.
    /// Merged in full precision, the model then scores as it did with its adapter, but for rounding; the quantization's errors stay in it. Default false: the
    /// weights on disk, which have no such errors, but to which the adapter was not fitted.
    /// </summary>
    public bool KeepQuantizationErrors { get; set; }

    /// <summary>The most bytes of weights in one file, above 0. Default 5 000 000 000, as in transformers.</summary>
    public long MaximumShardBytes { get; set; } = 5_000_000_000;

    /// <summary>Called after each weight that is written, with the share of the work that is done, from 0 to 1.</summary>
    public Action<double>? Progress { get; set; }

    /// <summary>Cancels the work, which then throws an <see cref="OperationCanceledException"/> and leaves the folder as it was.</summary>
    public CancellationToken CancellationToken { get; set; }
}
