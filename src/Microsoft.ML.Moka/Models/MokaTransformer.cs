using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.DataViews.Scoring;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Models;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka;

/// <summary>
/// A LLaMA tuned to tell a row's label. It adds <c>PredictedLabel</c> and <c>Score</c> to the rows; both are computed when they are asked for, in
/// batches of rows.
/// </summary>
/// <remarks>
/// Any number of threads, cursors and prediction engines may use one model. Models of a process that were tuned on the same backbone share it in memory;
/// disposing the last of them frees it. A prediction engine disposes its model with itself, unless it was made with
/// <c>PredictionEngineOptions { OwnsTransformer = false }</c>.
/// </remarks>
public sealed class MokaTransformer : MokaModel
{
    private readonly RowScorer _scorer;
    private readonly LabelColumns _added;

    internal MokaTransformer(IHostEnvironment env, ModelParts<ScoreOutputs> parts, SharedBackbone backbone, AdapterSet adapters)
        : base(env, parts.Backbone, parts.Template, parts.MaxTokens, backbone, adapters)
    {
        Parts = parts;
        _scorer = RowScorer.Of(Weights, new RowEncoder(parts.Tokenizer, parts.Template, parts.MaxTokens), Labels, ScoreForms.SoftMax);
        _added = new LabelColumns(_scorer, new OutputColumns(parts.Outputs.Names, parts.Outputs.Form, Labels));
    }

    /// <summary>
    /// Finds the folder of a backbone that a model refers to, when neither the path in the model nor the environment variable MOKA_BACKBONE_PATH leads to it;
    /// null says that it is not known either. It serves all models that this process loads.
    /// </summary>
    public static Func<BackboneReference, string?>? BackboneResolver { get; set; }

    /// <summary>What the scores come from: the likelihood of the labels' words, or a linear layer over hidden states.</summary>
    public MokaHead Head => Weights.Adapters.Head?.Rule.Pooling ?? MokaHead.Words;

    /// <summary>
    /// The labels as text, which are the answer words where the model has no head, in the order of the slots of Score and of keys.
    /// </summary>
    public IReadOnlyList<string> Labels => Parts.Outputs.Words;

    internal ModelParts<ScoreOutputs> Parts { get; }

    /// <summary>What scores rows.</summary>
    internal RowScorer Scorer => _scorer;

    /// <summary>Ends scoring with an <see cref="OperationCanceledException"/>, within a layer.</summary>
    internal CancellationToken ScoringCancellation
    {
        set => _scorer.Cancellation = value;
    }

    internal override LabelProbabilities LabelProbabilities => new(Parts.Outputs.Names.Score, Labels, Parts.Inputs);

    private protected override IReadOnlyList<string> OutputLabels => Labels;

    private protected override BackboneTokenizer Tokenizer => Parts.Tokenizer;

    /// <summary>
    /// How many tokens a text is, without the prompt template around it: for those who would rather refuse a text than have it cut, or who bound the work of a
    /// batch.
    /// </summary>
    /// <param name="text">The text. Names of control tokens in it are plain text.</param>
    /// <returns>The number of tokens.</returns>
    public int CountTokens(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Parts.Tokenizer.Encode(new MarkedText().Plain(text), addBeginOfSequence: false).Length;
    }

    /// <summary>
    /// A model with another adapter over the same backbone, which is in memory once however many models share it: one model for each of several adapters, with
    /// the same words, prompts and columns. Both models are disposed by themselves.
    /// </summary>
    /// <param name="folder">A folder in PEFT's form, written by <see cref="MokaModel.SaveAdapter"/> or by PEFT.</param>
    /// <returns>The model.</returns>
    /// <exception cref="FileNotFoundException">The folder holds no adapter.</exception>
    /// <exception cref="InvalidDataException">
    /// A file is damaged, or the adapter does not fit the backbone or has another head; the message names file and field or tensor.
    /// </exception>
    public MokaTransformer WithAdapter(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var (backbone, adapters) = AdapterFolder.Open(folder, Weights, Weights.Adapters.Options.Head);
        return new MokaTransformer(Environment, Parts with { Training = null }, backbone, adapters);
    }

    /// <summary>
    /// Tells the labels of texts of several models over one backbone together: each batch goes through attention and the maps without an adapter once for all
    /// texts, and every text has its own model's adapter and head. The probabilities are those that its model gives by itself, to the last bit, whatever stands
    /// beside it.
    /// </summary>
    /// <param name="requests">
    /// The texts, each with its model; models that share a backbone in memory (<see cref="WithAdapter"/>), or that were loaded over the same one. Their words
    /// and prompts may differ.
    /// </param>
    /// <param name="cancellationToken">Ends the work with an <see cref="OperationCanceledException"/>.</param>
    /// <returns>The labels of each text, in the order of the requests.</returns>
    /// <exception cref="ArgumentException">
    /// The models are over different backbones, an adapter changes more than linear maps, or a model reads more than a text.
    /// </exception>
    /// <exception cref="ObjectDisposedException">A model has been disposed.</exception>
    /// <remarks>A map with an adapter is expanded once for each adapter, as each model would do it alone.</remarks>
    public static IReadOnlyList<LabelPrediction> PredictTogether(IReadOnlyList<LabelRequest> requests, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(requests);
        return LabelBatch.Predict(requests, cancellationToken);
    }

    /// <summary>Texts as rows of the only column that the model reads.</summary>
    internal IReadOnlyList<PositionedRow> RowsOf(IReadOnlyList<string> texts)
    {
        var view = new TextRows(LabelProbabilities.TextColumn, texts);
        using var cursor = view.GetRowCursor(view.Schema);
        var read = MapRows(view.Schema).Reader(cursor, readsLabel: false);
        var rows = new List<PositionedRow>();
        while (cursor.MoveNext())
            rows.Add(read());
        return rows;
    }

    /// <summary>Tells what was noticed about texts that came without a view.</summary>
    internal void Warn(long cutPrompts, long blankTexts) => _added.WarnOnce(Host, _added.Remarks(cutPrompts, blankTexts, 0));

    private protected override void Save(ModelSaveContext ctx) => ModelFile.Save(ctx, Parts, Weights);

    private protected override AddedColumns Added => _added;

    private protected override RowMapping MapRows(DataViewSchema inputSchema) => new(Host, Parts.Inputs, Labels, _added, inputSchema);
}
