namespace Microsoft.ML.Moka.Training;

/// <summary>A sequence of which some tokens are learned; the others are given (a prompt, what others say).</summary>
internal sealed class TrainingExample
{
    /// <param name="ids">At least two tokens.</param>
    /// <param name="firstTarget">The first token that is learned, as all after it; at least 1, since the first token has nothing to be predicted from.</param>
    public TrainingExample(int[] ids, int firstTarget)
        : this(ids, [new TokenRange(firstTarget, ids.Length)])
    {
    }

    /// <param name="ids">At least two tokens.</param>
    /// <param name="targets">The tokens that are learned, in their order: at least one, and not the first of the sequence.</param>
    public TrainingExample(int[] ids, IReadOnlyList<TokenRange> targets) => (Ids, Targets) = (ids, targets);

    public int[] Ids { get; }

    public IReadOnlyList<TokenRange> Targets { get; }

    /// <summary>The first token that is learned.</summary>
    public int FirstTarget => Targets.Count > 0 ? Targets[0].Start : Ids.Length;

    /// <summary>Whether all tokens from the first target on are learned.</summary>
    public bool LearnsToTheEnd => Targets.Count == 1 && Targets[0].End == Ids.Length;

    /// <summary>Tokens that go through the backbone: the last one predicts nothing.</summary>
    public int InputCount => Ids.Length - 1;

    public int TargetCount => Targets.Sum(range => range.End - range.Start);
}

/// <summary>Tokens of a sequence that follow each other.</summary>
/// <param name="Start">The place of the first.</param>
/// <param name="End">The place after the last.</param>
internal readonly record struct TokenRange(int Start, int End);
