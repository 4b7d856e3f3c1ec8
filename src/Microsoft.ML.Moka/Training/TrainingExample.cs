namespace Microsoft.ML.Moka.Training;

/// <summary>A sequence of which the tokens from <paramref name="FirstTarget"/> on are learned; those before are given (the prompt).</summary>
/// <param name="Ids">At least two tokens.</param>
/// <param name="FirstTarget">At least 1, since the first token has nothing to be predicted from.</param>
internal sealed record TrainingExample(int[] Ids, int FirstTarget)
{
    /// <summary>Tokens that go through the backbone: the last one predicts nothing.</summary>
    public int InputCount => Ids.Length - 1;

    public int TargetCount => Ids.Length - FirstTarget;
}
