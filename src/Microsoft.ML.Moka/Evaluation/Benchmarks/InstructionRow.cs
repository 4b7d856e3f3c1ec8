namespace Microsoft.ML.Moka;

/// <summary>A row to tune instructions on, in Alpaca's form: columns Instruction, Input and Output.</summary>
public sealed class InstructionRow
{
    /// <summary>What is to be done.</summary>
    public string Instruction { get; set; } = "";

    /// <summary>What it is to be done with; empty where the instruction says all.</summary>
    public string Input { get; set; } = "";

    /// <summary>What a model is to write.</summary>
    public string Output { get; set; } = "";
}
