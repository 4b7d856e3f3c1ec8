namespace Microsoft.ML.Moka;

/// <summary>What all trainers have in common whose models give rows scores: the columns that a prompt is made of, and what the scores come from.</summary>
public abstract class ScoringOptions : TuningOptions
{
    private protected ScoringOptions()
    {
    }

    /// <summary>The column that is to be predicted; what it holds depends on the trainer. Default "Label".</summary>
    public string LabelColumnName { get; set; } = "Label";

    /// <summary>
    /// The text to be scored: a text column, for the template's <c>{text}</c>. Default "Text"; not read where the template has no <c>{text}</c>.
    /// </summary>
    public string TextColumnName { get; set; } = "Text";

    /// <summary>
    /// An instruction: a text column, for the template's <c>{instruction}</c>. Not set by default; setting it makes Alpaca's the default template.
    /// </summary>
    public string? InstructionColumnName { get; set; }

    /// <summary>An input that goes with the instruction: a text column, for the template's <c>{input}</c>. Not set by default.</summary>
    public string? InputColumnName { get; set; }

    /// <summary>
    /// How much each row counts in the loss, as ML.NET's trainers have it: a column of Single, read by Fit only. A row of weight 2 counts as if it were there
    /// twice, and one of weight 0 is left out. Not set by default: all count alike.
    /// </summary>
    public string? ExampleWeightColumnName { get; set; }

    /// <summary>The output column of scores. Default "Score".</summary>
    public string ScoreColumnName { get; set; } = "Score";

    /// <summary>
    /// How a row becomes a prompt. Default: <see cref="PromptTemplate.Classification"/>, which lists the answer words as options; with a head
    /// <see cref="PromptTemplate.Label"/>, which does not; with an instruction column <see cref="PromptTemplate.Alpaca"/>.
    /// </summary>
    public PromptTemplate? PromptTemplate { get; set; }

    /// <summary>
    /// What the scores come from: the likelihood of the labels' words after the prompt, or a linear layer over hidden states that is trained with the adapter.
    /// </summary>
    public MokaHead Head { get; set; }

    /// <summary>
    /// The learning rate of the head at its highest, above 0; it rises and falls as the adapter's does. Default: 1 / the backbone's hidden size, as a step
    /// moves each weight by about the rate, and their effect adds up over the width: 0.0017 for a hidden size of 576. Not used where answers are words.
    /// </summary>
    public float? HeadLearningRate { get; set; }

    /// <summary>AdamW's decoupled weight decay of the head per step, as a factor of its learning rate, at least 0. Default 0.01.</summary>
    public float HeadWeightDecay { get; set; } = 0.01f;
}
