namespace Microsoft.ML.Moka;

public sealed partial class MokaRegressionTrainer
{
    /// <summary>
    /// The options of a <see cref="MokaRegressionTrainer"/>. Those that are not set have defaults that suit a first try. They are checked together when the
    /// trainer is made; changing them afterwards has no effect on it. The label is a column of Single (float); the score is such a number.
    /// </summary>
    public sealed class Options : ScoringOptions
    {
        /// <summary>Options with a head over the last token, for a number has no words.</summary>
        public Options() => Head = MokaHead.LastToken;

        internal Options Copy() => (Options)MemberwiseClone();
    }
}
