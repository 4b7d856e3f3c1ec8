using Microsoft.ML.Moka.DataViews.Columns;

namespace Microsoft.ML.Moka;

public sealed partial class MokaTrainer
{
    /// <summary>
    /// The options of a <see cref="MokaTrainer"/>. Those that are not set have defaults that suit a first try. They are checked together when the trainer
    /// is made; changing them afterwards has no effect on it. The label is a column of text, Boolean, whole numbers, enums
    /// (<see cref="EnumTypeAttribute{TEnum}"/>), or of keys over such values, as MapValueToKey makes them; its values as text are the answer words unless there
    /// is a <see cref="ScoringOptions.Head"/>. The score is a vector of probabilities with a slot for each label.
    /// </summary>
    public sealed class Options : ScoringOptions
    {
        /// <summary>
        /// The answer words that a row may have: a column of text vectors. The probabilities of all other words are 0 in that row; a row whose vector is empty
        /// may have them all, as all rows may where the column is not set (the default). Words that are no values of the label are shown to the model and
        /// never chosen. Not together with a head, which knows nothing of words.
        /// </summary>
        public string? CandidatesColumnName { get; set; }

        /// <summary>
        /// The output column of the likeliest label, of the label column's type: text for text and for enums (their names), Boolean for Boolean, the same whole
        /// number type for whole numbers, and a key over the same values for keys. Default "PredictedLabel".
        /// </summary>
        public string PredictedLabelColumnName { get; set; } = "PredictedLabel";

        /// <summary>
        /// The output column of the rows' own labels as keys, numbered as the slots of the score: what ML.NET's <c>Evaluate</c> and <c>CrossValidate</c> take
        /// as labelColumnName where the label is text, Boolean, a number or an enum. It is added where the label is no key and the rows have one; a label that
        /// the model does not know becomes a missing key. Default "LabelKey"; null for no such column.
        /// </summary>
        public string? LabelKeyColumnName { get; set; } = "LabelKey";

        /// <summary>
        /// How much the rows of each label count in the loss: <see cref="Moka.ClassWeights.Balanced"/>, or weights by label. Default null: all rows count
        /// alike. Multiplied with a row's own weight where there is an <see cref="ScoringOptions.ExampleWeightColumnName"/>.
        /// </summary>
        public ClassWeights? ClassWeights { get; set; }

        internal OutputNames Outputs => new(ScoreColumnName, PredictedLabelColumnName, LabelColumnName, LabelKeyColumnName);

        internal Options Copy() => (Options)MemberwiseClone();
    }
}
