namespace Microsoft.ML.Moka;

/// <summary>
/// A question in LLM-Adapters' form, as ML.NET reads it: columns Task, Instruction, Input, Output, Candidates and Label. Rows of several tasks may be mixed,
/// for each brings the answer words that it may have.
/// </summary>
public sealed class BenchmarkRow
{
    /// <summary>The task that the row belongs to; empty in a mixed file, which does not say.</summary>
    public string Task { get; set; } = "";

    /// <summary>The question with its choices and, at its end, the answer words: "Answer format: answer1/answer2/answer3".</summary>
    public string Instruction { get; set; } = "";

    /// <summary>Empty in all eight tasks.</summary>
    public string Input { get; set; } = "";

    /// <summary>What a model is trained to write: "the correct answer is answer3".</summary>
    public string Output { get; set; } = "";

    /// <summary>The answer words that the row may have.</summary>
    public string[] Candidates { get; set; } = [];

    /// <summary>The right answer word.</summary>
    public string Label { get; set; } = "";
}
