namespace Microsoft.ML.Moka;

public sealed partial class MokaEmbeddingEstimator
{
    /// <summary>
    /// The options of a <see cref="MokaEmbeddingEstimator"/>. They are checked together when the estimator is made; changing them afterwards has no effect on
    /// it.
    /// </summary>
    public sealed class Options
    {
        /// <summary>The column of vectors that is added. Default "Features", which ML.NET's trainers read.</summary>
        public string OutputColumnName { get; set; } = "Features";

        /// <summary>The text: a text column. Default "Text".</summary>
        public string TextColumnName { get; set; } = "Text";

        /// <inheritdoc cref="TuningOptions.BackbonePath"/>
        public string? BackbonePath { get; set; }

        /// <summary>
        /// The folder of an adapter that the backbone was tuned with, in PEFT's form: written by <see cref="MokaModel.SaveAdapter"/> or by PEFT. A head for
        /// scores in it is not used. Not set by default: the backbone as it is.
        /// </summary>
        public string? AdapterPath { get; set; }

        /// <inheritdoc cref="TuningOptions.Quantization"/>
        public BackboneQuantization Quantization { get; set; } = BackboneQuantization.NF4;

        /// <summary>
        /// How the CPU multiplies matrices. Default null: <see cref="MokaPrecision.Split"/> where the processor has AMX, else
        /// <see cref="MokaPrecision.Float32"/>. Where the processor has no units for it, and on GPUs, it has no effect; the log says so, and why.
        /// </summary>
        public MokaPrecision? Precision { get; set; }

        /// <summary>
        /// The most tokens of a text, at least 8. Longer ones lose their beginning, and a warning counts them. Default 512; never more than the backbone has
        /// positions.
        /// </summary>
        public int MaximumTokens { get; set; } = 512;

        /// <summary>
        /// What the text is put into, with <c>{text}</c> alone: for backbones that were trained to embed after an instruction. Default
        /// <see cref="PromptTemplate.Plain"/>: the text as it is.
        /// </summary>
        public PromptTemplate? PromptTemplate { get; set; }

        /// <inheritdoc cref="TuningOptions.SaveBackbone"/>
        public bool SaveBackbone { get; set; }

        internal Options Copy() => (Options)MemberwiseClone();
    }
}
