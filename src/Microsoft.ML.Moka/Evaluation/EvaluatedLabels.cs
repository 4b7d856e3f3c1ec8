namespace Microsoft.ML.Moka.Evaluation;

/// <summary>What a multi-label model says of a row, and what is right.</summary>
internal sealed record EvaluatedLabels(HashSet<string> Own, HashSet<string> Predicted, float[] Probabilities);
