namespace Microsoft.ML.Moka.Tensors.Cpu.Rows;

/// <summary>
/// The softmax of one row of logits that come block by block, the target's apart from the others: what the target lacks to 1 is the share of the others,
/// which no difference of nearly equal numbers spoils where the row is learned well.
/// </summary>
internal struct TargetSoftmax()
{
    private float _largest = float.NegativeInfinity;

    /// <summary>The target's logit.</summary>
    public float Target { get; set; }

    /// <summary>The sum of e^(logit − the largest of them) of all others so far.</summary>
    public float Others { get; private set; }

    /// <summary>−ln of the target's probability.</summary>
    public readonly float Loss => (float)(Math.Log(Total) + (Most - Target));

    /// <summary>By what the exponentials of the others become probabilities, as their sum does.</summary>
    public readonly float Scale => (float)(Math.Exp(_largest - Most) / Total);

    private readonly float Most => MathF.Max(_largest, Target);

    // In double precision: the logarithm of what is hardly above 1 is what it is above 1.
    private readonly double Total => Others * Math.Exp(_largest - Most) + Math.Exp(Target - Most);

    /// <summary>Adds a block without the target, whose exponentials are relative to its own largest logit.</summary>
    /// <param name="block">What <see cref="RowKernels.Exponentials"/> gave.</param>
    /// <returns>By what the earlier blocks' exponentials, and this one's, become relative to the largest logit of all of them.</returns>
    public (float Earlier, float Block) Add((float Largest, float Sum) block)
    {
        var largest = MathF.Max(_largest, block.Largest);
        var scales = (Earlier: MathF.Exp(_largest - largest), Block: MathF.Exp(block.Largest - largest));
        Others = Others * scales.Earlier + block.Sum * scales.Block;
        _largest = largest;
        return scales;
    }
}
