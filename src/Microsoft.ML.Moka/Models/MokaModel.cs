using Microsoft.Extensions.AI;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.Inspection;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Interchange.Gguf;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Models;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka;

/// <summary>
/// What all models of Moka have in common, a <see cref="MokaTransformer"/> as well as a <see cref="MokaTextGenerator"/>: a tuned backbone that adds columns to
/// rows.
/// </summary>
public abstract class MokaModel : ITransformer, IDisposable
{
    private readonly BackboneSource _source;

    private protected MokaModel(
        IHostEnvironment env, BackboneSource source, PromptTemplate template, int maximumTokens, SharedBackbone backbone, AdapterSet adapters)
    {
        _source = source;
        PromptTemplate = template;
        MaximumTokens = maximumTokens;
        Environment = env;
        Host = env.Register(GetType().Name);
        Weights = new TunedBackbone(backbone, adapters, GetType());
    }

    /// <summary>How many parameters were trained.</summary>
    public long TrainableParameterCount => Weights.Adapters.ParameterCount;

    /// <summary>How many parameters the frozen backbone has.</summary>
    public long BackboneParameterCount => Weights.Backbone.Config.ParameterCount;

    /// <summary>How the backbone's linear maps are kept in memory.</summary>
    public BackboneQuantization Quantization => Weights.Shared.Quantization;

    /// <summary>
    /// How the CPU multiplies matrices; it may be changed at any time, and what begins afterwards computes so. Saving the model saves it. Default: what the
    /// trainer's <see cref="TuningOptions.Precision"/> was; null for <see cref="MokaPrecision.Split"/> where the processor has AMX and
    /// <see cref="MokaPrecision.Float32"/> elsewhere. Where the processor has no units for it, and on GPUs, it has no effect.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is none of the precisions that there are.</exception>
    public MokaPrecision? Precision
    {
        get => Weights.Shared.Precision;
        set
        {
            if (value is { } precision && !Enum.IsDefined(precision))
                throw new ArgumentOutOfRangeException(
                    nameof(value), $"Precision is {precision}: there are {string.Join(", ", Enum.GetNames<MokaPrecision>())}.");
            Weights.Shared.Precision = value;
            using var channel = Host.Start("Precision");
            DeviceSelection.ReportPrecision(channel, value, Weights.Backbone.Backend);
        }
    }

    /// <summary>What was trained, and on which linear maps: a copy of the options.</summary>
    public AdapterOptions Adapter => Weights.Adapters.Options.Copy();

    /// <summary>How a row becomes a prompt.</summary>
    public PromptTemplate PromptTemplate { get; }

    /// <summary>The most tokens of prompt and answer together.</summary>
    public int MaximumTokens { get; }

    /// <summary>True: each output row is made of one input row.</summary>
    public bool IsRowToRowMapper => true;

    internal TunedBackbone Weights { get; }

    /// <summary>Where the probabilities of labels are; null where the model tells none.</summary>
    internal virtual LabelProbabilities? LabelProbabilities => null;

    private protected abstract BackboneTokenizer Tokenizer { get; }

    /// <summary>What a text that is to be embedded is put into.</summary>
    private protected virtual PromptTemplate EmbeddingTemplate => PromptTemplate.Plain;

    private protected IHostEnvironment Environment { get; }

    private protected IHost Host { get; }

    private protected abstract AddedColumns Added { get; }

    /// <summary>What the outputs of the model's head stand for; null where they have no names.</summary>
    private protected virtual IReadOnlyList<string>? OutputLabels => null;

    /// <summary>The columns of rows that went through the model.</summary>
    /// <param name="inputSchema">The columns of the rows.</param>
    /// <returns>Those columns, and the ones that the model adds.</returns>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A column that the prompt is made of is missing or of another type; the message names all that are.
    /// </exception>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => Map(inputSchema).OutputSchema;

    /// <summary>Computes the columns that the model adds, lazily, and keeps them for the next pass over the view.</summary>
    /// <param name="input">The rows.</param>
    /// <returns>The rows with the added columns.</returns>
    /// <remarks>
    /// Trainers and evaluations pass over their input many times. A view keeps what was computed as long as it is referred to, up to 64 MiB (some hundred
    /// thousand rows of scores over a few words); rows beyond that are computed on each pass, and rows that have changed since are computed anew. To keep more,
    /// append <c>mlContext.Data.Cache</c> or <c>AppendCacheCheckpoint</c>.
    /// </remarks>
    /// <inheritdoc cref="GetOutputSchema" path="/exception"/>
    public IDataView Transform(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return new ComputedView(input, Map(input.Schema));
    }

    /// <summary>Transform for the rows of a request, of which there may be millions: what is odd about them is told once for the model.</summary>
    internal IDataView TransformRequest(IDataView rows) => new ComputedView(rows, Map(rows.Schema), isRequest: true);

    /// <summary>Tells what was noticed about a text that came alone, the first time.</summary>
    internal void WarnOnce(RowWarning warning) => Added.WarnOnce(Host, [warning]);

    /// <summary>The mapping of single rows, which prediction engines use.</summary>
    /// <param name="inputSchema">The columns of the rows.</param>
    /// <returns>The mapping.</returns>
    /// <inheritdoc cref="GetOutputSchema" path="/exception"/>
    public IRowToRowMapper GetRowToRowMapper(DataViewSchema inputSchema) => Map(inputSchema);

    /// <summary>
    /// Saves the adapter as a folder in PEFT's form, <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>. PEFT reads the methods that it has too
    /// (LoRA, DoRA, LoKr, HiRA, MiSS); the others are written in the same style. <see cref="MokaTransformer.WithAdapter"/> and
    /// <see cref="TuningOptions.InitialAdapterPath"/> read all of them, bit for bit.
    /// </summary>
    /// <param name="folder">
    /// The folder, which is made if it is not there. An earlier adapter in it is replaced when the new one is on the disk; other files stay.
    /// </param>
    /// <param name="format">The method that it is written as: its own, or LoKr or LoRA where that means the same update.</param>
    /// <exception cref="InvalidOperationException">The update cannot be written as that method.</exception>
    public void SaveAdapter(string folder, AdapterFileFormat format = AdapterFileFormat.AsTrained)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        AdapterFolder.Write(folder, AdapterFolder.Files(_source, Weights, format));
    }

    /// <summary>
    /// The LoRA of a rank that is nearest to the adapter, whatever its method, with what it loses: for programs that know LoRA alone. Sums of Kronecker
    /// products are never written out; a map of HiRA or DoRA is, one at a time.
    /// </summary>
    /// <param name="rank">The rank on every map, at least 1; maps whose shorter side is below it have that.</param>
    /// <param name="cancellationToken">Ends the work with an <see cref="OperationCanceledException"/>.</param>
    /// <returns>The LoRA, to be looked at and saved.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The rank is below 1.</exception>
    /// <exception cref="InvalidOperationException">The adapter changes more than the maps' weights: embedding, head or biases.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public LoraConversion ToLora(int rank, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rank, 1);
        return LoraApproximation.Of(_source, Weights, rank, 0, cancellationToken);
    }

    /// <summary>
    /// The LoRA of the least rank that keeps a share of every map's update, measured by the squares of its singular values; with what it loses. The rank is
    /// the same on all maps, as most programs want it.
    /// </summary>
    /// <param name="share">The share, above 0 and at most 1: 0.99 loses a tenth of the update's length.</param>
    /// <param name="cancellationToken">Ends the work with an <see cref="OperationCanceledException"/>.</param>
    /// <returns>The LoRA, to be looked at and saved.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The share is not above 0 and at most 1.</exception>
    /// <exception cref="InvalidOperationException">The adapter changes more than the maps' weights: embedding, head or biases.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public LoraConversion ToLoraOfEnergy(double share, CancellationToken cancellationToken = default)
    {
        if (!(share > 0 && share <= 1))
            throw new ArgumentOutOfRangeException(nameof(share), share, "The share of an update's energy must be above 0 and at most 1.");
        return LoraApproximation.Of(_source, Weights, null, share, cancellationToken);
    }

    /// <summary>What the backbone's files say of it: shape, tokenizer, fingerprint.</summary>
    /// <returns>The description.</returns>
    /// <exception cref="IOException">The files are no longer there.</exception>
    /// <exception cref="InvalidDataException">A file was damaged since.</exception>
    public BackboneDescription DescribeBackbone() => BackboneReader.Read(_source.Files, Weights.Shared.Fingerprint);

    /// <summary>Looks inside: gates, coefficients, norms and ranks of what was trained, map by map.</summary>
    /// <param name="largestSpectrum">
    /// The most singular values of an update that are computed, at least 0: an update that can have more gets a stable rank (by power iteration on its factors,
    /// cheap for any size) and no effective rank (which needs them all: some seconds for 1000, and eight times as many for twice as many).
    /// </param>
    /// <returns>Records, which are also an <see cref="IDataView"/> and pictures.</returns>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public AdapterInspection Inspect(int largestSpectrum = 512)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(largestSpectrum);
        using var usage = Weights.Use();
        return new Inspector(Weights.Backbone, largestSpectrum).Inspect(Weights.Adapters);
    }

    /// <summary>
    /// How likely the model finds texts that its tuning did not show it, before and after: the same texts go through the backbone with the adapter and without.
    /// </summary>
    /// <param name="texts">The texts, as they are: no prompt template. What is longer than <see cref="MaximumTokens"/> is cut into pieces.</param>
    /// <param name="cancellationToken">Ends the work with an <see cref="OperationCanceledException"/>.</param>
    /// <returns>The losses. Of a model with a head as well: those of the tokens.</returns>
    /// <exception cref="ArgumentException">The texts have nothing to predict.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public Forgetting MeasureForgetting(IEnumerable<string> texts, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        return ForgettingMeasurement.Of(Weights, BackboneTokenizer.Load(_source.Files), texts, MaximumTokens, cancellationToken);
    }

    /// <summary>
    /// Saves the backbone with the adapter merged into it as a folder in Hugging Face form, which needs no adapter any more and no Moka: <c>config.json</c>,
    /// the tokenizer's files, and the weights as <c>model.safetensors</c> or in shards. Weights are merged one by one; a model in full precision never stands
    /// in memory. A model with a <see cref="MokaHead.LastToken"/> head becomes what transformers loads as <c>AutoModelForSequenceClassification</c>, with the
    /// labels' names in it and without the head over the vocabulary.
    /// </summary>
    /// <param name="folder">
    /// The folder. An earlier one is replaced when the new one is on the disk, unless it holds files that belong to no model.
    /// </param>
    /// <param name="options">The form of the merged weights; by default the precision that the backbone has on disk.</param>
    /// <exception cref="ArgumentException">An option makes no sense.</exception>
    /// <exception cref="InvalidOperationException">The backbone's files were changed since it was loaded, or transformers has no such head.</exception>
    /// <exception cref="IOException">The folder holds something else, or cannot be written.</exception>
    public void SaveMerged(string folder, MergeOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        MergedFolder.Write(folder, _source, Weights, OutputLabels, options ?? new MergeOptions());
    }

    /// <summary>
    /// Saves the backbone with the adapter merged into it as a GGUF file, which llama.cpp, Ollama and many other programs run: shape, tokenizer, chat template
    /// and weights in one. Beside it a Modelfile is written, for <c>ollama create</c>. Weights are merged one by one; a model in full precision never stands in
    /// memory.
    /// </summary>
    /// <param name="path">The file, which ends in <c>.gguf</c>. An earlier one is replaced when the new one is on the disk.</param>
    /// <param name="options">The form of the weights; by default F16.</param>
    /// <exception cref="ArgumentException">The path is not that of a GGUF file, or that of the backbone.</exception>
    /// <exception cref="InvalidDataException">A weight has a value that the form cannot hold.</exception>
    /// <exception cref="InvalidOperationException">
    /// llama.cpp has no such model or tokenizer and would compute something else, or the backbone's files were changed since it was loaded.
    /// </exception>
    public void SaveGguf(string path, GgufOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        GgufExport.Write(path, _source, Weights, options ?? new GgufOptions());
    }

    /// <summary>
    /// Saves the adapter as a GGUF file that llama.cpp (<c>--lora</c>) and Ollama (<c>ADAPTER</c>) put on the backbone: LoRA, rsLoRA, and PiSSA and CDKA, which
    /// LoRA can express. The others are to be merged, with <see cref="SaveGguf"/>, or approximated, with <see cref="ToLora"/>.
    /// </summary>
    /// <param name="path">The file, which ends in <c>.gguf</c>. An earlier one is replaced when the new one is on the disk.</param>
    /// <param name="model">
    /// What the Modelfile beside it names as the model that the adapter is put on: a path, or a name that Ollama knows. By default the path of the backbone;
    /// the one inside this package, or inside a model file, has none, and then no Modelfile is written.
    /// </param>
    /// <exception cref="ArgumentException">The path is not that of a GGUF file, or that of the backbone.</exception>
    /// <exception cref="InvalidOperationException">LoRA cannot express the update, or llama.cpp has no such model.</exception>
    public void SaveAdapterGguf(string path, string? model = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        GgufAdapter.Write(path, _source, Weights, model);
    }

    /// <summary>
    /// The tuned backbone as an embedding generator of Microsoft.Extensions.AI: a text's vector is the mean of the last layer's hidden states, after the
    /// backbone's last norm, over all of its tokens. The text goes in as it is, without the prompt template; that of a
    /// <see cref="MokaEmbeddingTransformer"/> in its own template, as its rows do.
    /// </summary>
    /// <returns>
    /// The generator, for any number of threads. It uses this model and does not own it: disposing the generator leaves the model. Texts of more than
    /// <see cref="MaximumTokens"/> lose their beginning; a vector does not depend on the texts beside it.
    /// </returns>
    public IEmbeddingGenerator<string, Embedding<float>> AsEmbeddingGenerator() => new MokaEmbeddingGenerator(
        this, new RowEncoder(Tokenizer, EmbeddingTemplate, MaximumTokens), _source.ModelName);

    /// <summary>Frees the adapters, and the backbone if no other model uses it; the model computes nothing from then on.</summary>
    public void Dispose()
    {
        Weights.Dispose();
        GC.SuppressFinalize(this);
    }

    void ICanSaveModel.Save(ModelSaveContext ctx) => Save(ctx);

    private protected abstract void Save(ModelSaveContext ctx);

    private protected abstract RowMapping MapRows(DataViewSchema inputSchema);

    private RowMapping Map(DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        return MapRows(inputSchema);
    }
}
