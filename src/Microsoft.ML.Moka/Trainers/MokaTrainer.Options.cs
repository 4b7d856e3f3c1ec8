namespace Microsoft.ML.Moka;

public sealed partial class MokaTrainer
{
    /// <summary>
    /// The options of a <see cref="MokaTrainer"/>. Those that are not set have defaults that suit a first try. They are checked together when the trainer
    /// is made; changing them afterwards has no effect on it.
    /// </summary>
    public sealed class Options : TuningOptions
    {
        /// <summary>The label: a key column whose values are the answer words, as MapValueToKey makes it of a text column. Default "Label".</summary>
        public string LabelColumnName { get; set; } = "Label";

        /// <summary>
        /// The text to be classified: a text column, for the template's <c>{text}</c>. Default "Text"; not read where the template has no <c>{text}</c>.
        /// </summary>
        public string TextColumnName { get; set; } = "Text";

        /// <summary>
        /// An instruction: a text column, for the template's <c>{instruction}</c>. Not set by default; setting it makes Alpaca's the default template.
        /// </summary>
        public string? InstructionColumnName { get; set; }

        /// <summary>An input that goes with the instruction: a text column, for the template's <c>{input}</c>. Not set by default.</summary>
        public string? InputColumnName { get; set; }

        /// <summary>
        /// The answer words that a row may have: a column of text vectors. The probabilities of all other words are 0 in that row; a row whose vector is empty
        /// may have them all, as all rows may where the column is not set (the default). Words that are no values of the label are shown to the model and
        /// never chosen.
        /// </summary>
        public string? CandidatesColumnName { get; set; }

        /// <summary>The output column of probabilities, a vector with a slot for each answer word. Default "Score".</summary>
        public string ScoreColumnName { get; set; } = "Score";

        /// <summary>The output column of the likeliest answer word, a key over them. Default "PredictedLabel".</summary>
        public string PredictedLabelColumnName { get; set; } = "PredictedLabel";

        /// <summary>
        /// How a row becomes a prompt. Default: <see cref="PromptTemplate.Classification"/>, which lists the answer words as options; with an instruction
        /// column <see cref="PromptTemplate.Alpaca"/>.
        /// </summary>
        public PromptTemplate? PromptTemplate { get; set; }

        internal Options Copy() => (Options)MemberwiseClone();
    }
}
