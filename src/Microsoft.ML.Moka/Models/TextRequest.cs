namespace Microsoft.ML.Moka;

/// <summary>A text that is asked of a model: one of those that <see cref="MokaTextGenerator.GenerateTogether"/> generates side by side.</summary>
/// <param name="Model">The model.</param>
/// <param name="Instruction">What is asked for.</param>
/// <param name="Input">An input that goes with it; null for none.</param>
public sealed record TextRequest(MokaTextGenerator Model, string Instruction, string? Input = null);
