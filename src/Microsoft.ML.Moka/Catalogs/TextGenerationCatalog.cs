using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka;

/// <summary>What generates text: <c>mlContext.TextGeneration</c>.</summary>
public sealed class TextGenerationCatalog
{
    internal TextGenerationCatalog(IHostEnvironment env) => Trainers = new TextGenerationTrainers(env);

    /// <summary>Trainers of models that generate text.</summary>
    public TextGenerationTrainers Trainers { get; }

    /// <summary>Makes trainers of models that generate text.</summary>
    public sealed class TextGenerationTrainers
    {
        private readonly IHostEnvironment _env;

        internal TextGenerationTrainers(IHostEnvironment env) => _env = env;

        /// <summary>Tunes a 4-bit LLaMA to follow instructions, with the defaults of <see cref="MokaTextGenerationTrainer.Options"/>.</summary>
        /// <param name="instructionColumnName">The text column of what is asked for.</param>
        /// <param name="inputColumnName">A text column of inputs that go with the instructions; null for none.</param>
        /// <param name="outputColumnName">The text column of what the model is to learn to write.</param>
        /// <param name="backbonePath">
        /// The folder of a LLaMA in Hugging Face form, or a GGUF file; where it is not given, the small backbone inside this package is tuned.
        /// </param>
        /// <param name="numberOfEpochs">
        /// How often training sees each row; 0 to generate with the backbone as it is. By default as often as it takes for 300 updates, from 3 to 100 times.
        /// </param>
        /// <param name="validationSet">Rows that are not trained on: the model ends with the weights that predict them best.</param>
        /// <returns>The trainer.</returns>
        /// <exception cref="ArgumentException">An argument makes no sense; the message names all that do not.</exception>
        public MokaTextGenerationTrainer Moka(
            string instructionColumnName = "Instruction",
            string? inputColumnName = null,
            string outputColumnName = "Output",
            string? backbonePath = null,
            int? numberOfEpochs = null,
            IDataView? validationSet = null) =>
            Moka(new MokaTextGenerationTrainer.Options
            {
                InstructionColumnName = instructionColumnName,
                InputColumnName = inputColumnName,
                OutputColumnName = outputColumnName,
                BackbonePath = backbonePath,
                NumberOfEpochs = numberOfEpochs,
                ValidationSet = validationSet,
            });

        /// <summary>Tunes a 4-bit LLaMA to follow instructions.</summary>
        /// <param name="options">Columns, backbone, adapter, training and generation.</param>
        /// <returns>The trainer.</returns>
        /// <exception cref="ArgumentException">An option makes no sense; the message names all that do not.</exception>
        public MokaTextGenerationTrainer Moka(MokaTextGenerationTrainer.Options options) => new(_env, options);
    }
}
