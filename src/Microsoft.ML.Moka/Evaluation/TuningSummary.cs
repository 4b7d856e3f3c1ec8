using Microsoft.ML.Moka.Models;

namespace Microsoft.ML.Moka.Evaluation;

/// <summary>What a backbone was tuned with, for reports.</summary>
/// <param name="Adapter">The adapter's options as the C# that makes them.</param>
/// <param name="ParameterCount">How many parameters it has.</param>
/// <param name="BackboneParameterCount">How many the frozen backbone has.</param>
/// <param name="Training">How it was trained; null where that is not known: untrained, read from an adapter's folder, or saved by an earlier version.</param>
internal sealed record TuningSummary(string Adapter, long ParameterCount, long BackboneParameterCount, TrainingRecord? Training);
