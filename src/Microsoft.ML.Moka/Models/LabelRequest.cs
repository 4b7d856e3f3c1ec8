namespace Microsoft.ML.Moka;

/// <summary>A text whose label is asked of a model: one of those that <see cref="MokaTransformer.PredictTogether"/> scores side by side.</summary>
/// <param name="Model">The model.</param>
/// <param name="Text">The text, for the only column that the model reads.</param>
public sealed record LabelRequest(MokaTransformer Model, string Text);
