using Microsoft.ML.Data;
using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.Generation;
using Microsoft.ML.Moka.Generation.Conversations;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Models;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Trainers;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka;

/// <summary>
/// Tunes a frozen, quantized LLaMA to write texts that follow instructions, by adapters of a few million parameters, from rows of an instruction, maybe an
/// input, and the output that belongs to them, or from conversations.
/// </summary>
/// <remarks>
/// The loss is that of the output and of the end of the sequence after it, so that the model learns where to stop; rows whose output is missing are skipped.
/// Of conversations (<see cref="Options.MessagesColumnName"/>) the assistant's turns are learned, each with what ends it in the chat template.
/// The model adds a text column, <c>Generated</c>. Make the trainer with <c>mlContext.TextGeneration.Trainers.Moka(…)</c>.
/// </remarks>
public sealed partial class MokaTextGenerationTrainer : IEstimator<MokaTextGenerator>
{
    private readonly IHost _host;
    private readonly Options _options;
    private readonly PromptTemplate _template;
    private readonly InputColumns _inputs;
    private readonly Tuner _tuner;

    internal MokaTextGenerationTrainer(IHostEnvironment env, Options options)
    {
        ArgumentNullException.ThrowIfNull(env);
        ArgumentNullException.ThrowIfNull(options);
        _host = env.Register(nameof(MokaTextGenerationTrainer));
        _options = options.Copy();
        OptionsCheck.Run(_options);
        _template = _options.PromptTemplate ?? PromptTemplate.Instruction;
        _inputs = _options.MessagesColumnName is { } messages
            ? new InputColumns(Text: null, Instruction: null, Input: null, Candidates: null) { Messages = messages }
            : new InputColumns(Text: null, _options.InstructionColumnName, _options.InputColumnName, Candidates: null) { Named = _template.Columns };
        _tuner = new Tuner(_host, _options, MlNetAccess.SeedOf(env));
    }

    /// <summary>The columns after training: those of the input, and the generated text.</summary>
    /// <param name="inputSchema">The columns of the training data.</param>
    /// <returns>The columns of the transformed data.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type; the message names all that are.</exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        Check(name => InputColumns.Find(inputSchema, name), nameof(inputSchema), inputSchema.Select(column => column.Name));
        var generated = MlNetAccess.CreateColumn(_options.GeneratedColumnName, SchemaShape.Column.VectorKind.Scalar, TextDataViewType.Instance, isKey: false);
        return new SchemaShape([.. inputSchema.Where(column => column.Name != generated.Name), generated]);
    }

    /// <summary>Tunes the backbone on the rows of <paramref name="input"/>.</summary>
    /// <param name="input">The training data.</param>
    /// <returns>The model.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    /// <exception cref="InvalidOperationException">The data cannot be learned from: no rows with an output.</exception>
    /// <exception cref="OperationCanceledException">Training was cancelled.</exception>
    /// <exception cref="TrainingDivergedException">A loss or gradient was not finite.</exception>
    public MokaTextGenerator Fit(IDataView input) => Fit(input, _options.ValidationSet);

    /// <summary>
    /// Tunes the backbone on the rows of <paramref name="input"/>; the model ends with the weights that predict <paramref name="validationSet"/> best.
    /// </summary>
    /// <param name="input">The training data.</param>
    /// <param name="validationSet">Rows that are not trained on, with the same columns. Null for none.</param>
    /// <returns>The model.</returns>
    /// <inheritdoc cref="Fit(IDataView)" path="/exception"/>
    public MokaTextGenerator Fit(IDataView input, IDataView? validationSet)
    {
        ArgumentNullException.ThrowIfNull(input);
        // Whatever is wrong with the data is said before a backbone of gigabytes is loaded.
        Check(name => InputColumns.Find(input.Schema, name), nameof(input), input.Schema.Select(column => column.Name));
        return _tuner.Fit(
            input, validationSet, head: null,
            ReaderOf,
            (start, backbone, adapters) => new MokaTextGenerator(
                _host,
                new ModelParts<TextOutputs>(
                    start.Source, _options.SaveBackbone, start.Tokenizer, _template, start.MaxTokens, _inputs,
                    new TextOutputs(_options.GeneratedColumnName, _options.Generation, ChatOf(start)), start.Training),
                backbone, adapters));
    }

    private IExampleReader ReaderOf(TuningStart start)
    {
        if (_inputs.Messages is null)
            return new OutputExampleReader(
                _inputs, _options.OutputColumnName, new RowEncoder(start.Tokenizer, _template, start.MaxTokens), _options.TrainOnPrompt);
        var chat = _options.ChatTemplate ?? ChatTemplate.OwnOf(start.Tokenizer) ?? throw new InvalidOperationException(
            $"{start.Source.Name} has no chat template of its own: set Options.ChatTemplate (moka train --template), such as "
            + "ChatTemplate.Of(PromptTemplate.Instruction).");
        return new ConversationExampleReader(_inputs, new ConversationEncoder(chat, start.Tokenizer, start.MaxTokens), _options.TrainOnPrompt);
    }

    // A model chats in the form that it was tuned in; where it was not, as its backbone was.
    private ChatForm ChatOf(TuningStart start)
    {
        if (_options.ChatTemplate is { } chosen)
            return ChatForm.Of(chosen);
        return _inputs.Messages is not null || start.Training is null ? ChatForm.Backbone : ChatForm.Prompt;
    }

    private void Check(Func<string, (DataViewType Item, bool IsVector, bool IsKey)?> find, string parameter, IEnumerable<string> names)
    {
        var problems = _inputs.Problems(find).ToList();
        if (_inputs.Messages is null
            && InputColumns.Problem("output", _options.OutputColumnName, isVector: false, find(_options.OutputColumnName)) is { } problem)
            problems.Add(problem);
        if (problems.Count > 0)
            throw InputColumns.SchemaError(problems, parameter, names);
    }
}
