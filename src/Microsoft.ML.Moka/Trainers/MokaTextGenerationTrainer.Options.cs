namespace Microsoft.ML.Moka;

public sealed partial class MokaTextGenerationTrainer
{
    /// <summary>
    /// The options of a <see cref="MokaTextGenerationTrainer"/>. Those that are not set have defaults that suit a first try. They are checked together when the
    /// trainer is made; changing them afterwards has no effect on it.
    /// </summary>
    public sealed class Options : TuningOptions
    {
        /// <summary>What is asked for: a text column, for the template's <c>{instruction}</c>. Default "Instruction".</summary>
        public string InstructionColumnName { get; set; } = "Instruction";

        /// <summary>
        /// An input that goes with the instruction: a text column, for the template's <c>{input}</c>; it may be empty in some rows. Not set by default.
        /// </summary>
        public string? InputColumnName { get; set; }

        /// <summary>
        /// The text that the model is to learn to write: a text column, read by Fit only. One that is too long for <see cref="TuningOptions.MaximumTokens"/>
        /// loses its end, and a warning counts them. Default "Output".
        /// </summary>
        public string OutputColumnName { get; set; } = "Output";

        /// <summary>The column of generated text that the model adds. Default "Generated".</summary>
        public string GeneratedColumnName { get; set; } = "Generated";

        /// <summary>
        /// How a row becomes a prompt. Default: <see cref="PromptTemplate.Instruction"/>. Names of special tokens in the template are those tokens.
        /// </summary>
        public PromptTemplate? PromptTemplate { get; set; }

        /// <summary>How the model generates; it can be changed in the model later.</summary>
        public TextGenerationOptions Generation { get; set; } = new();

        internal Options Copy() => (Options)MemberwiseClone();
    }
}
