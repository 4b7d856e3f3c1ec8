using Microsoft.ML.Moka.Drawing;
using Microsoft.ML.Moka.Models;

namespace Microsoft.ML.Moka;

/// <summary>The labels that a model gives a row, with how likely each is.</summary>
/// <param name="Label">The likeliest label as text; empty where the row's scores are missing, as none of its candidates is a label of the model.</param>
/// <param name="Probability">Its probability, from 0 to 1; NaN where the scores are missing.</param>
/// <param name="Labels">
/// All labels, the likeliest first. Of a classifier the probabilities are 1 together; of a multi-label model each stands by itself.
/// </param>
[TypeFormatterSource(typeof(LabelPredictionView))]
public sealed record LabelPrediction(string Label, float Probability, IReadOnlyList<LabelProbability> Labels);

/// <summary>A label, and how likely it is.</summary>
/// <param name="Label">The label as text.</param>
/// <param name="Probability">Its probability, from 0 to 1.</param>
public readonly record struct LabelProbability(string Label, float Probability);
