namespace Microsoft.ML.Moka;

/// <summary>How the weights of a GGUF file are stored. Norms and biases are always in F32.</summary>
public enum GgufFormat
{
    /// <summary>16 bits: floats of less range than BF16, and more digits. What nearly every program reads.</summary>
    F16,

    /// <summary>16 bits as most backbones are published in: what was stored so stays as it is.</summary>
    BF16,

    /// <summary>32 bits: nothing is rounded.</summary>
    F32,

    /// <summary>8 bits in blocks of 32 with a scale each, 8.5 bits a weight: hardly to be told from F16.</summary>
    Q8_0,

    /// <summary>The linear maps in 4 bits in blocks of 32 with a scale each, 4.5 bits a weight; embedding and head in Q8_0, as they suffer most.</summary>
    Q4_0,
}
