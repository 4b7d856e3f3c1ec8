namespace Microsoft.ML.Moka.Tensors.Counting;

/// <summary>What the memory of a step depends on besides its tensors' shapes: the activations' element type, and what kernels take while they run.</summary>
/// <param name="ActivationBytes">Bytes of an element of an activation.</param>
/// <param name="LogitBytes">What the logits of one chunk of rows may take.</param>
/// <param name="LogitColumns">The most logits of a row that are in memory at a time, where the head is not trained.</param>
/// <param name="PanelElements">The most elements of a weight that are expanded at a time.</param>
/// <param name="PanelBytes">What an element takes meanwhile.</param>
/// <param name="ScoreBytes">What the scores of an attention may take at a time, all heads together.</param>
/// <param name="ElementBytes">What kernels over elements or rows take for each element on their way.</param>
/// <param name="PacksInputs">Whether a matrix product lays a copy of its input out for its kernels.</param>
/// <param name="KeepsWeights">Whether weights that a layer expands to be computed again are kept for its way back.</param>
internal sealed record MemoryTraits(
    int ActivationBytes, long LogitBytes, int LogitColumns, long PanelElements, int PanelBytes, long ScoreBytes, int ElementBytes, bool PacksInputs,
    bool KeepsWeights)
{
    /// <summary>
    /// Tokens of the vocabulary whose logits the CPU computes at a time: 33 panels, so that the logits of one row do not lie in the place of another's in a
    /// cache.
    /// </summary>
    public const int VocabularyBlock = 1056;

    /// <summary>The CPU backend, whose panels are a few kilobytes.</summary>
    public static MemoryTraits Cpu { get; } = new(4, 64 << 20, VocabularyBlock, 0, 0, 0, 0, true, false);

    /// <summary>
    /// A GPU with bfloat16 activations: codes as int32 (2 bytes for an element's half), the pairs that they stand for, their float32 sum with a filter, and
    /// the bfloat16 result. Kernels over elements compute in float32.
    /// </summary>
    public static MemoryTraits Gpu { get; } = new(2, 256 << 20, int.MaxValue, 32 << 20, 14, 128 << 20, 20, false, true);

    /// <summary>What the kernels of y = x Wᵀ take besides x and y.</summary>
    public long LinearBytes(int tokens, int width, WeightMatrix weight) =>
        (PacksInputs ? 4L * tokens * width : 0) + Math.Min(PanelElements, (long)weight.Rows * weight.Columns) * PanelBytes;
}
