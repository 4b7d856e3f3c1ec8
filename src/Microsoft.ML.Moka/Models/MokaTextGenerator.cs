using Microsoft.Extensions.AI;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.Generation;
using Microsoft.ML.Moka.Generation.Conversations;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Models;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka;

/// <summary>
/// A LLaMA tuned to follow instructions. It adds a text column, <c>Generated</c>, which is computed when it is asked for, in batches of rows; it streams texts
/// piece by piece; and it is a chat client.
/// </summary>
/// <remarks>
/// Any number of threads, cursors, prediction engines and chats may use one model. A text depends on its prompt and the options alone, not on what is generated
/// beside it. Models of a process that were tuned on the same backbone share it in memory; disposing the last of them frees it. A prediction engine disposes
/// its model with itself, unless it was made with <c>PredictionEngineOptions { OwnsTransformer = false }</c>.
/// </remarks>
public sealed class MokaTextGenerator : MokaModel
{
    private readonly AnswerGenerator _generator;
    private readonly Lazy<ChatTemplate> _chat;
    private readonly Lazy<AnswerForm> _form;
    private volatile TextGenerationOptions _options;
    private readonly TextColumns? _added;
    private bool _saidLeftOut;

    internal MokaTextGenerator(IHostEnvironment env, ModelParts<TextOutputs> parts, SharedBackbone backbone, AdapterSet adapters)
        : base(env, parts.Backbone, parts.Template, parts.MaxTokens, backbone, adapters)
    {
        Parts = parts;
        _options = parts.Outputs.Generation;
        _generator = new AnswerGenerator(Weights, parts.Tokenizer);
        // What was learned is asked for in the same form; an earlier version saved no form.
        var form = parts.Outputs.Chat ?? (parts.Training is null ? ChatForm.Backbone : ChatForm.Prompt);
        _chat = new Lazy<ChatTemplate>(() => form.ToTemplate(parts.Tokenizer, parts.Template));
        _form = new Lazy<AnswerForm>(() => ReadsConversations
            ? _chat.Value.FormOf(parts.Tokenizer)
            : new AnswerForm(parts.Template.AnswerPrefix, parts.Tokenizer.EndsOfSequence));
        _added = ColumnsOf(seed: 0);
    }

    /// <summary>
    /// How texts are generated where nothing else is asked for. They can be changed at any time, for the texts that are begun from then on, and are saved with
    /// the model.
    /// </summary>
    /// <exception cref="ArgumentException">A setting makes no sense; the message names all that do not.</exception>
    public TextGenerationOptions Options
    {
        get => _options;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            value.Check(nameof(value));
            _options = value;
        }
    }

    internal ModelParts<TextOutputs> Parts { get; }

    private protected override BackboneTokenizer Tokenizer => Parts.Tokenizer;

    /// <summary>Generates a text piece by piece, as a row with that instruction and input would get it.</summary>
    /// <param name="instruction">What is asked for.</param>
    /// <param name="input">An input that goes with it; null for none.</param>
    /// <param name="options">How it is generated; null for <see cref="Options"/>.</param>
    /// <param name="cancellationToken">Ends the work; so does leaving the loop that reads the pieces.</param>
    /// <returns>The pieces of the text, whole characters, as they come.</returns>
    /// <exception cref="ArgumentException">A setting makes no sense; the message names all that do not.</exception>
    public IAsyncEnumerable<string> GenerateAsync(
        string instruction, string? input = null, TextGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(instruction);
        var settings = Checked(options, nameof(options));
        if (ReadsConversations)
            return StreamOf(TurnsOf(instruction, input), _chat.Value, settings).ReadAsync(cancellationToken);
        return new AnswerStream(_generator, PromptOf(instruction, input, settings), settings, _form.Value).ReadAsync(cancellationToken);
    }

    /// <summary>Generates the answer to a conversation, piece by piece.</summary>
    /// <param name="messages">The conversation; its last message is the one to be answered.</param>
    /// <param name="template">How it becomes a prompt; null for the form that it was tuned in: the chat template of its
    /// conversations, or its prompt template. A model that was not tuned takes the backbone's own template in Jinja, or its prompt template where there is
    /// none.</param>
    /// <param name="options">How the answer is generated; null for <see cref="Options"/>.</param>
    /// <param name="cancellationToken">Ends the work; so does leaving the loop that reads the pieces.</param>
    /// <returns>The pieces of the answer, whole characters, as they come.</returns>
    /// <exception cref="ArgumentException">
    /// The messages cannot be put into the template's form, or they have too many tokens, or a setting makes no sense.
    /// </exception>
    public IAsyncEnumerable<string> GenerateAsync(
        IEnumerable<ChatMessage> messages, ChatTemplate? template = null, TextGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return StreamOf(ChatTurn.Of(messages), template ?? _chat.Value, Checked(options, nameof(options))).ReadAsync(cancellationToken);
    }

    /// <summary>The model as a chat client of Microsoft.Extensions.AI.</summary>
    /// <param name="template">How conversations become prompts; null for the form that it was tuned in: the chat template of its
    /// conversations, or its prompt template. A model that was not tuned takes the backbone's own template in Jinja, or its prompt template where there is
    /// none.</param>
    /// <returns>The client. It uses this model and does not own it: disposing the client leaves the model.</returns>
    public IChatClient AsChatClient(ChatTemplate? template = null) => new MokaChatClient(this, template ?? _chat.Value);

    /// <summary>
    /// Generates texts of several models over one backbone together: each step goes over the backbone's weights once for all texts, and every text has its own
    /// model's adapter. A text is the one that its model generates by itself, to the last bit, whatever stands beside it.
    /// </summary>
    /// <param name="requests">
    /// What is asked, of which model; models that share a backbone in memory (<see cref="WithAdapter"/>), or that were loaded over the same one.
    /// </param>
    /// <param name="options">How the texts are generated; null for the <see cref="Options"/> of each model.</param>
    /// <param name="onPiece">Told each piece of text as soon as it is sure, with the number of its request.</param>
    /// <param name="cancellationToken">Ends the work between two tokens, with an <see cref="OperationCanceledException"/>.</param>
    /// <returns>The texts, in the order of the requests.</returns>
    /// <exception cref="ArgumentException">
    /// The models are over different backbones, an adapter changes more than linear maps, or a setting makes no sense.
    /// </exception>
    /// <exception cref="ObjectDisposedException">A model has been disposed.</exception>
    /// <remarks>
    /// Texts with the same settings and end are generated in one batch. Prompts are read with each adapter added to the weights, so that it is the generated
    /// tokens that cost less together.
    /// </remarks>
    public static IReadOnlyList<string> GenerateTogether(
        IReadOnlyList<TextRequest> requests, TextGenerationOptions? options = null, Action<int, string>? onPiece = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(requests);
        return RequestBatch.Generate(requests, options, onPiece, cancellationToken);
    }

    /// <summary>What a request comes to: tokens, settings, and where the answer ends.</summary>
    internal (int[] Prompt, TextGenerationOptions Options, AnswerForm Form) Prepare(TextRequest request, TextGenerationOptions? options)
    {
        var settings = Checked(options, nameof(options));
        if (ReadsConversations)
        {
            var stream = StreamOf(TurnsOf(request.Instruction, request.Input), _chat.Value, settings);
            return (stream.Prompt, settings, _chat.Value.FormOf(Parts.Tokenizer));
        }
        return (PromptOf(request.Instruction, request.Input, settings), settings, _form.Value);
    }

    /// <summary>Generates answers of this model's backbone, each with the adapters that are given for it.</summary>
    internal IReadOnlyList<GeneratedAnswer> Generate(
        IReadOnlyList<int[]> prompts, IReadOnlyList<AdapterSet> adapters, TextGenerationOptions options, AnswerForm form, Action<int, string>? onPiece,
        CancellationToken cancellation) => _generator.Generate(prompts, options, form, onPiece, cancellation, adapters);

    /// <summary>
    /// A model with another adapter over the same backbone, which is in memory once however many models share it: one model for each of several adapters, with
    /// the same prompts, columns and <see cref="Options"/>. Both models are disposed by themselves.
    /// </summary>
    /// <inheritdoc cref="MokaTransformer.WithAdapter"/>
    public MokaTextGenerator WithAdapter(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var (backbone, adapters) = AdapterFolder.Open(folder, Weights, head: null);
        return new MokaTextGenerator(Environment, Parts with { Training = null }, backbone, adapters) { Options = _options };
    }

    /// <summary>What generates the answer to a conversation.</summary>
    internal AnswerStream StreamOf(IReadOnlyList<ChatTurn> turns, ChatTemplate template, TextGenerationOptions options)
    {
        if (turns.Count > 0 && string.IsNullOrWhiteSpace(turns[^1].Text))
            WarnOnce(RowWarning.NothingAsked(1));
        var positions = Weights.Backbone.Config.MaxPositions;
        var (prompt, leftOut) = new ConversationEncoder(template, Parts.Tokenizer, positions).ForChat(turns, options.MaximumNewTokens);
        if (prompt.Length >= positions)
            throw new ArgumentException(
                $"The conversation's last message and what the system says have {prompt.Length} tokens, and the backbone has {positions} positions: " +
                "shorten them.", nameof(turns));
        if (leftOut > 0 && !Interlocked.Exchange(ref _saidLeftOut, true))
        {
            using var channel = Host.Start("Chat");
            channel.Warning(MessageSensitivity.None,
                $"A conversation is longer than the backbone's {positions} positions: its first {leftOut} messages after the system's are left " +
                "out of what the model reads. This is said once; each chat response has the number under moka.messages_left_out.");
        }
        return new AnswerStream(_generator, prompt, options, template.FormOf(Parts.Tokenizer)) { LeftOutMessages = leftOut };
    }

    private static IReadOnlyList<ChatTurn> TurnsOf(string instruction, string? input) =>
        [new(ChatRole.User, string.IsNullOrEmpty(input) ? instruction : $"{instruction}\n\n{input}")];

    private int[] PromptOf(string instruction, string? input, TextGenerationOptions settings)
    {
        var row = new PromptRow(null, [], instruction, input);
        var (prompt, isCut) = Encoder(settings).ForGeneration(row, settings.MaximumNewTokens);
        if (isCut)
            WarnOnce(RowWarning.CutPrompts(1));
        if (row.IsBlank)
            WarnOnce(RowWarning.NothingAsked(1));
        return prompt;
    }

    private bool ReadsConversations => Parts.Inputs.Messages is not null;

    private protected override AddedColumns Added => _added!;

    // What was told of single rows is told once for the model, whatever view they are of.
    private TextColumns ColumnsOf(long seed) => new(Parts.Outputs.GeneratedColumn, (rows, memory) => Write(rows, memory, seed), _added);

    private IReadOnlyList<WrittenRow> Write(IReadOnlyList<PositionedRow> rows, RowMemory memory, long seed)
    {
        using var usage = Weights.Use();
        var options = _options;
        options = options with { Seed = options.Seed ?? seed };
        return memory.Recall(rows, (options, Weights.Shared.Precision), missing => Generate(missing, options), row => row.Bytes);
    }

    private WrittenRow[] Generate(IReadOnlyList<PositionedRow> rows, TextGenerationOptions options)
    {
        var prompts = rows.Select(PromptReader(options)).ToList();
        using var cancellation = new Cancellation(Host, CancellationToken.None);
        var answers = _generator.Generate([.. prompts.Select(prompt => prompt.Prompt)], options, _form.Value, null, cancellation.Token);
        return [.. answers.Zip(prompts, (answer, prompt) => new WrittenRow(answer.Text, prompt.IsCut))];
    }

    private Func<PositionedRow, (int[] Prompt, bool IsCut)> PromptReader(TextGenerationOptions options)
    {
        if (!ReadsConversations)
        {
            var encoder = Encoder(options);
            return row => encoder.ForGeneration(row.Prompt, options.MaximumNewTokens);
        }
        var conversations = new ConversationEncoder(_chat.Value, Parts.Tokenizer, MostTokens(options));
        var source = $"The column '{Parts.Inputs.Messages}'";
        return row => conversations.ForAnswer(ConversationJson.Read(row.Prompt.Messages!, source), options.MaximumNewTokens);
    }

    private RowEncoder Encoder(TextGenerationOptions options) => new(Parts.Tokenizer, Parts.Template, MostTokens(options));

    // Prompts are cut as in training, and more where the backbone has no positions left for the text.
    private int MostTokens(TextGenerationOptions options) =>
        (int)Math.Min((long)Parts.MaxTokens + options.MaximumNewTokens, Weights.Backbone.Config.MaxPositions);

    private TextGenerationOptions Checked(TextGenerationOptions? options, string parameter)
    {
        options?.Check(parameter);
        return options ?? _options;
    }

    private protected override void Save(ModelSaveContext ctx) => ModelFile.Save(ctx, Parts with
    {
        Outputs = Parts.Outputs with { Generation = _options },
    }, Weights);

    // All cursors of a view give the same texts.
    private protected override RowMapping MapRows(DataViewSchema inputSchema)
    {
        var seed = MlNetAccess.SeedOf(Environment) ?? Random.Shared.NextInt64();
        return new(Host, Parts.Inputs, [], ColumnsOf(seed), inputSchema);
    }
}
