using Microsoft.ML.Moka.DataViews.Scoring;

namespace Microsoft.ML.Moka;

public sealed partial class MokaBinaryTrainer
{
    /// <summary>
    /// The options of a <see cref="MokaBinaryTrainer"/>. Those that are not set have defaults that suit a first try. They are checked together when the
    /// trainer is made; changing them afterwards has no effect on it. The label is a column of Boolean.
    /// </summary>
    public sealed class Options : ScoringOptions
    {
        /// <summary>What the model answers where the label is true; not used with a head. Default "yes".</summary>
        public string PositiveWord { get; set; } = "yes";

        /// <summary>What the model answers where the label is false; not used with a head. Default "no".</summary>
        public string NegativeWord { get; set; } = "no";

        /// <summary>The output column of the likelier label, Boolean: whether the probability is above one half. Default "PredictedLabel".</summary>
        public string PredictedLabelColumnName { get; set; } = "PredictedLabel";

        /// <summary>The output column of the probability that the label is true, Single. Default "Probability".</summary>
        public string ProbabilityColumnName { get; set; } = "Probability";

        /// <summary>
        /// How much the rows of each label count in the loss: <see cref="Moka.ClassWeights.Balanced"/>, or weights by label. Default null: all rows count
        /// alike. Multiplied with a row's own weight where there is an <see cref="ScoringOptions.ExampleWeightColumnName"/>.
        /// </summary>
        public ClassWeights? ClassWeights { get; set; }

        internal IReadOnlyList<string> Words => [NegativeWord, PositiveWord];

        internal BinaryNames Outputs => new(PredictedLabelColumnName, ScoreColumnName, ProbabilityColumnName);

        internal Options Copy() => (Options)MemberwiseClone();
    }
}
