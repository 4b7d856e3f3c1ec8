namespace Microsoft.ML.Moka;

/// <summary>What the factors of a <see cref="LoraAdapter"/> start as.</summary>
public enum LoraInitialValues
{
    /// <summary>A Kaiming-uniform with a = √5 and B zero, as PEFT has it by default: the model starts as the backbone.</summary>
    KaimingUniform,

    /// <summary>
    /// LoftQ (arXiv 2310.08659): the product of both is the best approximation, of their rank, of what quantization took from the weight, so that the model
    /// starts nearer to the backbone in full precision. The codes stay as they are, which is one step of the paper's alternation and what PEFT's
    /// <c>replace_lora_weights_loftq</c> does: backbone and adapter go their own ways afterwards, and further steps would change nothing. It needs a backbone
    /// whose files are in full precision and that is quantized in memory (<see cref="TuningOptions.Quantization"/>).
    /// </summary>
    LoftQ,
}
