namespace Microsoft.ML.Moka;

/// <summary>A question with the choices' own texts, as ML.NET reads it: columns Task, Text, Candidates, Label and LabelIndex.</summary>
public sealed class ChoiceRow
{
    /// <summary>The task, or the subject of MMLU.</summary>
    public string Task { get; set; } = "";

    /// <summary>
    /// The prompt that lm-evaluation-harness makes, to be followed by a space and a choice. WinoGrande's is the sentence with the blank, "_".
    /// </summary>
    public string Text { get; set; } = "";

    /// <summary>The choices.</summary>
    public string[] Candidates { get; set; } = [];

    /// <summary>The right choice.</summary>
    public string Label { get; set; } = "";

    /// <summary>The place of the right choice, counted from 0: two choices may have the same text.</summary>
    public int LabelIndex { get; set; }
}
