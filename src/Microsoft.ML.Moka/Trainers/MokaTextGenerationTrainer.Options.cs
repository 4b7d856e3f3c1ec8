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

        /// <summary>
        /// Whole conversations instead of instruction and output: a text column with the messages as JSON, as <see cref="ConversationRow"/> has them and
        /// <c>mlContext.Data.LoadConversations</c> reads them. The assistant's turns are learned, all of them where the template allows it. The model then
        /// answers conversations: one that ends with a message of the assistant is answered as if that were still to be written. One that is too long for
        /// <see cref="TuningOptions.MaximumTokens"/> loses its first turns, and a warning counts them. Not set by default.
        /// </summary>
        public string? MessagesColumnName { get; set; }

        /// <summary>
        /// How conversations become text, in training and in chats with the model. Not set by default: the backbone's own template, for a model that is tuned
        /// on conversations or not at all; the prompt template for one that is tuned on instructions.
        /// </summary>
        public ChatTemplate? ChatTemplate { get; set; }

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
