using Microsoft.ML.Moka.DataViews.Scoring;

namespace Microsoft.ML.Moka;

public sealed partial class MokaMultiLabelTrainer
{
    /// <summary>
    /// The options of a <see cref="MokaMultiLabelTrainer"/>. Those that are not set have defaults that suit a first try. They are checked together when the
    /// trainer is made; changing them afterwards has no effect on it. The label is a vector of text or of keys, with the labels that apply to the row, or a
    /// vector of Boolean, or of 0 and 1 as Single, whose slot names are the labels.
    /// </summary>
    public sealed class Options : ScoringOptions
    {
        /// <summary>Options with a head over the last token, for words tell one label alone.</summary>
        public Options() => Head = MokaHead.LastToken;

        /// <summary>The output column of the labels that apply, a vector of text that may be empty. Default "PredictedLabel".</summary>
        public string PredictedLabelColumnName { get; set; } = "PredictedLabel";

        /// <summary>The output column of each label's probability, a vector of Single with the labels as slot names. Default "Probability".</summary>
        public string ProbabilityColumnName { get; set; } = "Probability";

        /// <summary>
        /// The probability above which a label is among the predicted ones, above 0 and below 1. Default 0.5. Training does not depend on it.
        /// </summary>
        public float Threshold { get; set; } = 0.5f;

        /// <summary>
        /// How much each label counts in the loss where it applies, beside 1 where it does not, as PyTorch's <c>pos_weight</c> has it:
        /// <see cref="Moka.ClassWeights.Balanced"/>, or weights by label. Default null: both count alike. Multiplied with a row's own weight where there is an
        /// <see cref="ScoringOptions.ExampleWeightColumnName"/>.
        /// </summary>
        public ClassWeights? ClassWeights { get; set; }

        internal MultiLabelNames Outputs => new(PredictedLabelColumnName, ScoreColumnName, ProbabilityColumnName);

        internal Options Copy() => (Options)MemberwiseClone();
    }
}
