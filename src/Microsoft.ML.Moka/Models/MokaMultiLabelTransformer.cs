extern alias MlNetInternals;

using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.DataViews.Scoring;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Models;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Runtime;
using ModelSaveContext = MlNetInternals::Microsoft.ML.ModelSaveContext;

namespace Microsoft.ML.Moka;

/// <summary>
/// A LLaMA tuned to tell which of several labels apply to a row. It adds <c>PredictedLabel</c>, <c>Score</c> and <c>Probability</c> to the rows, computed
/// when they are asked for, in batches of rows.
/// </summary>
/// <remarks>What <see cref="MokaTransformer"/> says of threads, shared backbones and disposal holds here too.</remarks>
public sealed class MokaMultiLabelTransformer : MokaModel
{
    private readonly MultiLabelColumns _added;

    internal MokaMultiLabelTransformer(IHostEnvironment env, ModelParts<MultiLabelOutputs> parts, SharedBackbone backbone, AdapterSet adapters)
        : base(env, parts.Backbone, parts.Template, parts.MaxTokens, backbone, adapters)
    {
        Parts = parts;
        var scorer = new HeadRowScorer(Weights, new RowEncoder(parts.Tokenizer, parts.Template, parts.MaxTokens), ScoreForms.Outputs);
        _added = new MultiLabelColumns(scorer, parts.Outputs.Names, parts.Outputs.Labels, parts.Outputs.Threshold);
    }

    /// <summary>Which hidden state the head reads.</summary>
    public MokaHead Head => Weights.Adapters.Head!.Rule.Pooling;

    /// <summary>The labels as text, in the order of the slots of Score and Probability.</summary>
    public IReadOnlyList<string> Labels => Parts.Outputs.Labels;

    /// <summary>The probability above which a label is among the predicted ones, above 0 and below 1.</summary>
    public float Threshold => Parts.Outputs.Threshold;

    internal ModelParts<MultiLabelOutputs> Parts { get; }

    internal override LabelProbabilities LabelProbabilities => new(Parts.Outputs.Names.Probability, Labels, Parts.Inputs);

    private protected override BackboneTokenizer Tokenizer => Parts.Tokenizer;

    private protected override IReadOnlyList<string> OutputLabels => Labels;

    /// <summary>
    /// A model with another adapter over the same backbone, which is in memory once however many models share it. Both models are disposed by themselves.
    /// </summary>
    /// <param name="folder">A folder in PEFT's form, written by <see cref="MokaModel.SaveAdapter"/> or by PEFT.</param>
    /// <returns>The model.</returns>
    /// <exception cref="FileNotFoundException">The folder holds no adapter.</exception>
    /// <exception cref="InvalidDataException">
    /// A file is damaged, or the adapter does not fit the backbone or has another head; the message names file and field or tensor.
    /// </exception>
    public MokaMultiLabelTransformer WithAdapter(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var (backbone, adapters) = AdapterFolder.Open(folder, Weights, Weights.Adapters.Options.Head);
        return new MokaMultiLabelTransformer(Environment, Parts with { Training = null }, backbone, adapters);
    }

    private protected override void Save(ModelSaveContext ctx) => ModelFile.Save(ctx, Parts, Weights);

    private protected override AddedColumns Added => _added;

    private protected override RowMapping MapRows(DataViewSchema inputSchema) => new(Host, Parts.Inputs, [], _added, inputSchema);
}
