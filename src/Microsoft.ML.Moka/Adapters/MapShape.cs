namespace Microsoft.ML.Moka.Adapters;

/// <summary>A linear map that an adapter may attach to: y = x Wᵀ with W [rows, columns] = [out, in].</summary>
/// <param name="Name">The full name in Hugging Face style, <c>model.layers.0.self_attn.q_proj</c>.</param>
/// <param name="Rows">Outputs.</param>
/// <param name="Columns">Inputs.</param>
/// <param name="Layer">The decoder layer.</param>
internal sealed record MapShape(string Name, int Rows, int Columns, int Layer)
{
    /// <summary>The last part of the name, <c>q_proj</c>.</summary>
    public string Module => Name[(Name.LastIndexOf('.') + 1)..];
}
