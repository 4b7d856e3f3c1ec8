namespace Microsoft.ML.Moka;

public sealed partial class MokaTrainer
{
    /// <summary>
    /// The options of a <see cref="MokaTrainer"/>. Those that are not set have defaults that suit a first try. They are checked together when the trainer
    /// is made; changing them afterwards has no effect on it. The label is a key column, as MapValueToKey makes it of a text column; its values are the answer
    /// words unless there is a <see cref="ScoringOptions.Head"/>. The score is a vector of probabilities with a slot for each label.
    /// </summary>
    public sealed class Options : ScoringOptions
    {
        /// <summary>
        /// The answer words that a row may have: a column of text vectors. The probabilities of all other words are 0 in that row; a row whose vector is empty
        /// may have them all, as all rows may where the column is not set (the default). Words that are no values of the label are shown to the model and
        /// never chosen. Not together with a head, which knows nothing of words.
        /// </summary>
        public string? CandidatesColumnName { get; set; }

        /// <summary>The output column of the likeliest label, a key over them. Default "PredictedLabel".</summary>
        public string PredictedLabelColumnName { get; set; } = "PredictedLabel";

        internal Options Copy() => (Options)MemberwiseClone();
    }
}
