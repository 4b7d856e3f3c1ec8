using Microsoft.ML.Data;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Columns;
using Microsoft.ML.Moka.Inspection;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Llama;
using Microsoft.ML.Moka.ModelFiles;
using Microsoft.ML.Moka.Rows;
using Microsoft.ML.Moka.Scoring;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka;

/// <summary>
/// A LLaMA tuned to answer with the words of a label. It adds <c>PredictedLabel</c> and <c>Score</c> to the rows; both are computed when they are asked for, in
/// batches of rows.
/// </summary>
/// <remarks>
/// Any number of threads, cursors and prediction engines may use one model. Models of a process that were tuned on the same backbone share it in memory;
/// disposing the last of them frees it. A prediction engine disposes its model with itself, unless it was made with
/// <c>PredictionEngineOptions { OwnsTransformer = false }</c>.
/// </remarks>
public sealed class MokaTransformer : ITransformer, IDisposable
{
    private readonly IHostEnvironment _env;
    private readonly IHost _host;
    private readonly ScoreColumns _added;

    internal MokaTransformer(IHostEnvironment env, ModelParts<ScoreOutputs> parts, SharedBackbone backbone, AdapterSet adapters)
    {
        _env = env;
        _host = env.Register(nameof(MokaTransformer));
        Parts = parts;
        Weights = new TunedBackbone(backbone, adapters, typeof(MokaTransformer));
        var scorer = new RowScorer(Weights, new RowEncoder(parts.Tokenizer, parts.Template, parts.MaxTokens), Labels);
        _added = new ScoreColumns(scorer, new OutputColumns(parts.Outputs.ScoreColumn, parts.Outputs.PredictedLabelColumn, Labels));
    }

    /// <summary>
    /// Finds the folder of a backbone that a model refers to, when neither the path in the model nor the environment variable MOKA_BACKBONE_PATH leads to it;
    /// null says that it is not known either. It serves all models that this process loads.
    /// </summary>
    public static Func<BackboneReference, string?>? BackboneResolver { get; set; }

    /// <summary>The answer words, in the order of the slots of Score and of the keys of PredictedLabel.</summary>
    public IReadOnlyList<string> Labels => Parts.Outputs.Words;

    /// <summary>How many parameters were trained.</summary>
    public long TrainableParameterCount => Weights.Adapters.ParameterCount;

    /// <summary>How many parameters the frozen backbone has.</summary>
    public long BackboneParameterCount => Weights.Backbone.Config.ParameterCount;

    /// <summary>True: each output row is made of one input row.</summary>
    public bool IsRowToRowMapper => true;

    internal ModelParts<ScoreOutputs> Parts { get; }

    internal TunedBackbone Weights { get; }

    /// <summary>The columns of scored rows.</summary>
    /// <param name="inputSchema">The columns of the rows to be scored.</param>
    /// <returns>Those columns, PredictedLabel and Score.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A column that the prompt is made of is missing or of another type; the message names all that are.</exception>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => Map(inputSchema).OutputSchema;

    /// <summary>Scores rows, lazily.</summary>
    /// <param name="input">The rows.</param>
    /// <returns>The rows with PredictedLabel and Score.</returns>
    /// <inheritdoc cref="GetOutputSchema" path="/exception"/>
    public IDataView Transform(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return new ComputedView(input, Map(input.Schema));
    }

    /// <summary>The mapping of single rows, which prediction engines use.</summary>
    /// <param name="inputSchema">The columns of the rows to be scored.</param>
    /// <returns>The mapping.</returns>
    /// <inheritdoc cref="GetOutputSchema" path="/exception"/>
    public IRowToRowMapper GetRowToRowMapper(DataViewSchema inputSchema) => Map(inputSchema);

    /// <summary>
    /// Saves the adapter as a folder in PEFT's form, <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>. PEFT reads the methods that it has too (LoRA,
    /// DoRA, LoKr); the others are written in the same style. <see cref="WithAdapter"/> and <see cref="TuningOptions.InitialAdapterPath"/> read all of them, bit for bit.
    /// </summary>
    /// <param name="folder">The folder, which is made if it is not there. An earlier adapter in it is replaced when the new one is on the disk; other files stay.</param>
    /// <param name="format">The method that it is written as: its own, or LoKr or LoRA where that means the same update.</param>
    /// <exception cref="InvalidOperationException">The update cannot be written as that method.</exception>
    public void SaveAdapter(string folder, AdapterFileFormat format = AdapterFileFormat.AsTrained)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        AdapterFolder.Write(folder, Parts.Backbone, Weights, format);
    }

    /// <summary>
    /// A model with another adapter over the same backbone, which is in memory once however many models share it: one model for each of several adapters, with
    /// the same words, prompts and columns. Both models are disposed by themselves.
    /// </summary>
    /// <param name="folder">A folder in PEFT's form, written by <see cref="SaveAdapter"/> or by PEFT.</param>
    /// <returns>The model.</returns>
    /// <exception cref="FileNotFoundException">The folder holds no adapter.</exception>
    /// <exception cref="InvalidDataException">A file is damaged, or the adapter does not fit the backbone; the message names file and field or tensor.</exception>
    public MokaTransformer WithAdapter(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var (backbone, adapters) = AdapterFolder.Open(folder, Weights);
        return new MokaTransformer(_env, Parts, backbone, adapters);
    }

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
    /// Saves the backbone with the adapter merged into it as a folder in Hugging Face form, which needs no adapter any more and no Moka: <c>config.json</c>, the
    /// tokenizer's files, and the weights as <c>model.safetensors</c> or in shards. Weights are merged one by one; a model in full precision never stands in memory.
    /// </summary>
    /// <param name="folder">
    /// The folder. An earlier one is replaced when the new one is on the disk, unless it holds files that belong to no model.
    /// </param>
    /// <param name="options">The form of the merged weights; by default the precision that the backbone has on disk.</param>
    /// <exception cref="ArgumentException">An option makes no sense.</exception>
    /// <exception cref="InvalidOperationException">The backbone's files were changed since it was loaded.</exception>
    /// <exception cref="IOException">The folder holds something else, or cannot be written.</exception>
    public void SaveMerged(string folder, MergeOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        MergedFolder.Write(folder, Parts.Backbone, Weights, options ?? new MergeOptions());
    }

    /// <summary>Frees the adapters, and the backbone if no other model uses it; scoring fails from then on.</summary>
    public void Dispose() => Weights.Dispose();

    void ICanSaveModel.Save(ModelSaveContext ctx) => ModelFile.Save(ctx, Parts, Weights);

    private RowMapping Map(DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        return new RowMapping(_host, Parts.Inputs, Labels, _added, inputSchema);
    }
}
