namespace Microsoft.ML.Moka.Training;

/// <summary>A sequence of which some tokens are learned; the others are given (a prompt, what others say). Or, for a head, a sequence and its label.</summary>
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

    /// <param name="ids">At least one token.</param>
    /// <param name="label">What a head is to say of the sequence as a whole.</param>
    public TrainingExample(int[] ids, HeadTarget label) => (Ids, Targets, Label) = (ids, [], label);

    private TrainingExample(TrainingExample other) => (Ids, Targets, Label, Weight) = (other.Ids, other.Targets, other.Label, other.Weight);

    public int[] Ids { get; }

    /// <summary>None where the sequence as a whole has a label.</summary>
    public IReadOnlyList<TokenRange> Targets { get; }

    /// <summary>What a head is to say of the sequence; null where tokens are learned.</summary>
    public HeadTarget? Label { get; private init; }

    /// <summary>How much the losses of the sequence count, above 0: with 2 as if it were there twice.</summary>
    public float Weight { get; init; } = 1;

    /// <summary>The same with a weight.</summary>
    public TrainingExample With(float weight) => new(this) { Weight = weight };

    /// <summary>The same with a label for a head.</summary>
    public TrainingExample With(HeadTarget label) => new(this) { Label = label };

    /// <summary>The first token that is learned.</summary>
    public int FirstTarget => Targets.Count > 0 ? Targets[0].Start : Ids.Length;

    /// <summary>Whether all tokens from the first target on are learned.</summary>
    public bool LearnsToTheEnd => Targets.Count == 1 && Targets[0].End == Ids.Length;

    /// <summary>Tokens that go through the backbone: where tokens are learned, the last one predicts nothing.</summary>
    public int InputCount => Label is null ? Ids.Length - 1 : Ids.Length;

    /// <summary>Losses.</summary>
    public int TargetCount => Label is null ? Targets.Sum(range => range.End - range.Start) : 1;

    /// <summary>What the losses count for together.</summary>
    public double TargetWeight => (double)Weight * TargetCount;
}

/// <summary>Tokens of a sequence that follow each other.</summary>
/// <param name="Start">The place of the first.</param>
/// <param name="End">The place after the last.</param>
internal readonly record struct TokenRange(int Start, int End);

/// <summary>What a head is to say: which of its outputs is to be the largest or, where it has one alone, its value.</summary>
/// <param name="Output">The output, counted from 0.</param>
/// <param name="Value">The value of a head's only output.</param>
internal readonly record struct HeadTarget(int Output, float Value = 0)
{
    /// <summary>The outputs whose labels apply, in their order, where each output says by itself if its label does; else null.</summary>
    public IReadOnlyList<int>? Applying { get; private init; }

    /// <summary>How much the loss of each of those counts, above 0, as PyTorch's pos_weight has it; null where all count 1.</summary>
    public IReadOnlyList<float>? Weights { get; private init; }

    /// <summary>The target of a head whose labels apply or not, each by itself.</summary>
    /// <param name="outputs">Those that do, in their order; there may be none.</param>
    /// <param name="weights">How much each of them counts; null where all count 1.</param>
    public static HeadTarget Of(IReadOnlyList<int> outputs, IReadOnlyList<float>? weights = null) =>
        new(0) { Applying = outputs, Weights = weights?.Any(weight => weight != 1) is true ? weights : null };
}
