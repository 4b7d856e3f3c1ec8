using System.Runtime.Intrinsics;

namespace Microsoft.ML.Moka.Tensors.Cpu.Attention;

/// <summary>The arrays of one call of attention. Gradients are null in the forward pass.</summary>
internal sealed unsafe class AttentionOperands(AttentionHeads heads)
{
    public float* Q, K, V, Y, LogSumExp;
    public float* YGradient, QGradient, KGradient, VGradient;

    public AttentionHeads Heads { get; } = heads;

    public int Width => Heads.HeadWidth;

    /// <summary>Query heads that share a key/value head.</summary>
    public int Group => Heads.QueryHeads / Heads.KeyValueHeads;

    public int QueryStride => Heads.QueryHeads * Heads.HeadWidth;

    public int KeyStride => Heads.KeyValueHeads * Heads.HeadWidth;
}

/// <summary>
/// Some lanes of one span and key/value head. Lane f is query f / group of the span in query head f % group of those that share the head: whatever
/// the grouping, lanes are filled, and queries that stand together see nearly the same keys.
/// </summary>
internal readonly record struct AttentionBlock(AttentionSpan Span, int KeyValueHead, int FirstLane, int LaneCount)
{
    /// <summary>Rows of k and v that the first <paramref name="queries"/> queries of the span see.</summary>
    public static int Keys(AttentionSpan span, int queries)
    {
        var keys = queries;
        for (var i = 0; i < span.Context.Count; i++)
            keys += span.Context[i].Length;
        return keys;
    }
}

/// <summary>
/// The part of attention that depends on the width of vectors. Each lane of a vector is one query: scores, their maximum, exponentials and sum are
/// plain vector loops over the keys, and no reduction crosses lanes. Only the scores of one block of lanes exist at a time.
/// </summary>
internal abstract unsafe class AttentionKernels
{
    public static AttentionKernels For(SimdLevel level) => level switch
    {
        SimdLevel.Vector512 => new AttentionKernels<Simd512, Vector512<float>>(),
        SimdLevel.Vector256 => new AttentionKernels<Simd256, Vector256<float>>(),
        SimdLevel.Vector128 => new AttentionKernels<Simd128, Vector128<float>>(),
        _ => new AttentionKernels<SimdScalar, float>(),
    };

    /// <summary>Lanes of a full block.</summary>
    public abstract int Lanes { get; }

    /// <summary>Floats of working memory for blocks that see at most this many keys.</summary>
    public abstract long ForwardScratch(int width, int keys);

    /// <inheritdoc cref="ForwardScratch"/>
    public abstract long BackwardScratch(int width, int keys);

    /// <summary>Writes the block's part of Y and LogSumExp.</summary>
    public abstract void Forward(AttentionOperands operands, AttentionBlock block, float* scratch);

    /// <summary>Writes the block's part of QGradient and adds its part of KGradient and VGradient.</summary>
    public abstract void Backward(AttentionOperands operands, AttentionBlock block, float* scratch);
}
