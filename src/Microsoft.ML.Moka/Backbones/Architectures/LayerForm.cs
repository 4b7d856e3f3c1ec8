namespace Microsoft.ML.Moka.Backbones.Architectures;

/// <summary>What may differ from layer to layer of a decoder.</summary>
/// <param name="HasRotary">Whether queries and keys are turned by their positions.</param>
/// <param name="Window">How many tokens a query sees at most, the latest, its own included; null for all.</param>
internal readonly record struct LayerForm(bool HasRotary, int? Window)
{
    public static LayerForm Plain { get; } = new(true, null);
}
