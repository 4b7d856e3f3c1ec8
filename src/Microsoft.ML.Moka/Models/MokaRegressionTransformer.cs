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

/// <summary>A LLaMA tuned to tell a number of a row's text. It adds <c>Score</c> to the rows, computed when it is asked for, in batches of rows.</summary>
/// <remarks>What <see cref="MokaTransformer"/> says of threads, shared backbones and disposal holds here too.</remarks>
public sealed class MokaRegressionTransformer : MokaModel
{
    private readonly ValueColumns _added;

    internal MokaRegressionTransformer(IHostEnvironment env, ModelParts<ValueOutputs> parts, SharedBackbone backbone, AdapterSet adapters)
        : base(env, parts.Backbone, parts.Template, parts.MaxTokens, backbone, adapters)
    {
        Parts = parts;
        var scorer = new ValueScorer(Weights, new RowEncoder(parts.Tokenizer, parts.Template, parts.MaxTokens));
        _added = new ValueColumns(scorer, parts.Outputs.ScoreColumn);
    }

    /// <summary>Which hidden state the head reads.</summary>
    public MokaHead Head => Weights.Adapters.Head!.Rule.Pooling;

    internal ModelParts<ValueOutputs> Parts { get; }

    private protected override BackboneTokenizer Tokenizer => Parts.Tokenizer;

    /// <summary>
    /// A model with another adapter over the same backbone, which is in memory once however many models share it. Mean and scale of its labels are the
    /// adapter's own. Both models are disposed by themselves.
    /// </summary>
    /// <param name="folder">A folder in PEFT's form, written by <see cref="MokaModel.SaveAdapter"/> or by PEFT.</param>
    /// <returns>The model.</returns>
    /// <exception cref="FileNotFoundException">The folder holds no adapter.</exception>
    /// <exception cref="InvalidDataException">
    /// A file is damaged, or the adapter does not fit the backbone or has another head; the message names file and field or tensor.
    /// </exception>
    public MokaRegressionTransformer WithAdapter(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var (backbone, adapters) = AdapterFolder.Open(folder, Weights, Weights.Adapters.Options.Head);
        return new MokaRegressionTransformer(Environment, Parts with { Training = null }, backbone, adapters);
    }

    private protected override void Save(ModelSaveContext ctx) => ModelFile.Save(ctx, Parts, Weights);

    private protected override AddedColumns Added => _added;

    private protected override RowMapping MapRows(DataViewSchema inputSchema) => new(Host, Parts.Inputs, [], _added, inputSchema);
}
