namespace Microsoft.ML.Moka;

/// <summary>
/// What training has made of one linear map: a row of an <see cref="AdapterInspection"/>. Norms are Frobenius norms. ΔW is what is added to W; DoRA's
/// magnitude, which scales the rows of W + ΔW, is no part of it.
/// </summary>
public sealed record MapInspection
{
    /// <summary>The full name, as Hugging Face has it: <c>model.layers.0.self_attn.q_proj</c>.</summary>
    public required string Map { get; init; }

    /// <summary>The last part of the name: <c>q_proj</c>.</summary>
    public required string Module { get; init; }

    /// <summary>The decoder layer, from 0.</summary>
    public required int Layer { get; init; }

    /// <summary>The method in capitals: "MOKA".</summary>
    public required string Method { get; init; }

    /// <summary>Outputs m of the map.</summary>
    public required int Rows { get; init; }

    /// <summary>Inputs n of the map.</summary>
    public required int Columns { get; init; }

    /// <summary>The shapes of the products, as in <see cref="AdaptedMap.Filters"/>.</summary>
    public required string Filters { get; init; }

    /// <summary>Trained parameters of the map.</summary>
    public required long TrainableParameterCount { get; init; }

    /// <summary>The trained gates g, one for each filter; empty where the method has none.</summary>
    public required float[] Gates { get; init; }

    /// <summary>The coefficients of the filters: softmax(g), or the method's constant.</summary>
    public required float[] Coefficients { get; init; }

    /// <summary>‖ΔW‖, at least 0.</summary>
    public required double UpdateNorm { get; init; }

    /// <summary>‖W‖ of the frozen weight as it is used: quantized and expanded again.</summary>
    public required double WeightNorm { get; init; }

    /// <summary>‖ΔW‖ / ‖W‖.</summary>
    public double RelativeNorm => UpdateNorm / WeightNorm;

    /// <summary>‖ΔW‖₂, the largest singular value of ΔW, by power iteration.</summary>
    public required double SpectralNorm { get; init; }

    /// <summary>‖ΔW‖² / ‖ΔW‖₂², from 1 to the rank; 0 where ΔW is zero. Computed for maps of any size.</summary>
    public double StableRank => SpectralNorm == 0 ? 0 : UpdateNorm * UpdateNorm / (SpectralNorm * SpectralNorm);

    /// <summary>
    /// Roy and Vetterli's effective rank of ΔW, exp(−Σ pᵢ ln pᵢ) with pᵢ = σᵢ / Σσ, from 1 to the rank; 0 where ΔW is zero. NaN where ΔW can have more singular
    /// values than <see cref="MokaModel.Inspect"/> was asked to compute.
    /// </summary>
    public required double EffectiveRank { get; init; }

    /// <summary>The largest rank that an update of this form can have.</summary>
    public required int ReachableRank { get; init; }
}

/// <summary>One Kronecker product of an update: a row of <see cref="AdapterInspection.Filters"/>.</summary>
public sealed record FilterInspection
{
    /// <summary>The full name of the map.</summary>
    public required string Map { get; init; }

    /// <summary>The last part of the name: <c>q_proj</c>.</summary>
    public required string Module { get; init; }

    /// <summary>The decoder layer, from 0.</summary>
    public required int Layer { get; init; }

    /// <summary>The filter's number on its map, from 0.</summary>
    public required int Filter { get; init; }

    /// <summary>The factors' shapes: "64x64/32x128" for A 64x64 and B 32x128; "I64/32x128" where A is the identity.</summary>
    public required string Shape { get; init; }

    /// <summary>The trained gate; NaN where the method has none.</summary>
    public required float Gate { get; init; }

    /// <summary>The coefficient c: the gate's softmax over the map's filters, or the method's constant.</summary>
    public required float Coefficient { get; init; }

    /// <summary>‖c · A ⊗ B‖ (Frobenius), at least 0.</summary>
    public required double Norm { get; init; }
}
