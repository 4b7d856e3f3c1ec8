using System.Diagnostics.CodeAnalysis;

namespace Microsoft.ML.Moka;

/// <summary>The method that an adapter is written as: its own, or one that other programs know and that means the same update.</summary>
[SuppressMessage("Naming", "CA1720:Identifier contains type name", Justification = "No type is meant.")]
public enum AdapterFileFormat
{
    /// <summary>
    /// As the method that it was trained with. PEFT knows LoRA, DoRA, LoKr, HiRA and MiSS; the others are written in the same style, for Moka to read.
    /// </summary>
    AsTrained,

    /// <summary>
    /// As LoKr, bit for bit: a single Kronecker product with a constant scale, which is KronA, CDKA with one filter and MoKA with one filter. PEFT loads
    /// factors of the shapes that its <c>decompose_factor</c> can say, such as KronA's square ones; other programs take any.
    /// </summary>
    Lokr,

    /// <summary>
    /// As LoRA, which nearly every program reads: CDKA, which on every map is LoRA of rank r·r₁·r₂, in a larger file but without loss, and PiSSA, which is LoRA
    /// of twice its rank.
    /// </summary>
    Lora,

    /// <summary>
    /// CDKA as its authors' modified PEFT stores it: <c>lora_A</c> and <c>lora_B</c> with the components interleaved, and <c>r1</c>, <c>r2</c> in a
    /// configuration of LoRA's. Their PEFT alone reads it rightly: to others it is a LoRA of wrong shapes.
    /// </summary>
    Cdka,
}
