extern alias MlNetInternals;

using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.DataViews.Scoring;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Models;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Runtime;
using ModelSaveContext = MlNetInternals::Microsoft.ML.ModelSaveContext;

namespace Microsoft.ML.Moka;

/// <summary>
/// A LLaMA tuned to tell whether something is true of a row. It adds <c>PredictedLabel</c>, <c>Score</c> and <c>Probability</c> to the rows, computed when
/// they are asked for, in batches of rows.
/// </summary>
/// <remarks>What <see cref="MokaTransformer"/> says of threads, shared backbones and disposal holds here too.</remarks>
public sealed class MokaBinaryTransformer : MokaModel
{
    private readonly BinaryColumns _added;

    internal MokaBinaryTransformer(IHostEnvironment env, ModelParts<BinaryOutputs> parts, SharedBackbone backbone, AdapterSet adapters)
        : base(env, parts.Backbone, parts.Template, parts.MaxTokens, backbone, adapters)
    {
        Parts = parts;
        var encoder = new RowEncoder(parts.Tokenizer, parts.Template, parts.MaxTokens);
        _added = new BinaryColumns(RowScorer.Of(Weights, encoder, parts.Outputs.Words, ScoreForms.LogOdds), parts.Outputs.Names);
    }

    /// <summary>What the scores come from: the likelihood of the two words, or a linear layer over hidden states.</summary>
    public MokaHead Head => Weights.Adapters.Head?.Rule.Pooling ?? MokaHead.Words;

    /// <summary>What the model answers where the label is true; without a meaning where it has a head.</summary>
    public string PositiveWord => Parts.Outputs.Words[1];

    /// <summary>What the model answers where the label is false; without a meaning where it has a head.</summary>
    public string NegativeWord => Parts.Outputs.Words[0];

    internal ModelParts<BinaryOutputs> Parts { get; }

    internal override LabelProbabilities LabelProbabilities => new(Parts.Outputs.Names.Probability, [Truth.True, Truth.False], Parts.Inputs);

    private protected override BackboneTokenizer Tokenizer => Parts.Tokenizer;

    private protected override IReadOnlyList<string> OutputLabels => Parts.Outputs.Words;

    /// <summary>
    /// A model with another adapter over the same backbone, which is in memory once however many models share it. Both models are disposed by themselves.
    /// </summary>
    /// <param name="folder">A folder in PEFT's form, written by <see cref="MokaModel.SaveAdapter"/> or by PEFT.</param>
    /// <returns>The model.</returns>
    /// <exception cref="FileNotFoundException">The folder holds no adapter.</exception>
    /// <exception cref="InvalidDataException">
    /// A file is damaged, or the adapter does not fit the backbone or has another head; the message names file and field or tensor.
    /// </exception>
    public MokaBinaryTransformer WithAdapter(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var (backbone, adapters) = AdapterFolder.Open(folder, Weights, Weights.Adapters.Options.Head);
        return new MokaBinaryTransformer(Environment, Parts with { Training = null }, backbone, adapters);
    }

    private protected override void Save(ModelSaveContext ctx) => ModelFile.Save(ctx, Parts, Weights);

    private protected override AddedColumns Added => _added;

    private protected override RowMapping MapRows(DataViewSchema inputSchema) => new(Host, Parts.Inputs, Parts.Outputs.Words, _added, inputSchema);
}
