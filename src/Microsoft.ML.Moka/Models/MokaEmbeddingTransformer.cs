extern alias MlNetInternals;

using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Rows;
using Microsoft.ML.Moka.DataViews.Scoring;
using Microsoft.ML.Moka.Models;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Runtime;
using ModelSaveContext = MlNetInternals::Microsoft.ML.ModelSaveContext;

namespace Microsoft.ML.Moka;

/// <summary>
/// A LLaMA, tuned or as it is, that turns texts into vectors. It adds a column of them to the rows, computed when it is asked for, in batches of rows; a
/// row's vector does not depend on the rows beside it.
/// </summary>
/// <remarks>
/// The vector is the mean of the last layer's hidden states, after the backbone's last norm and before its head, over all tokens of the text with those that
/// the backbone begins a sequence with. Its length is <see cref="Dimensions"/>; it is not scaled to length 1. What <see cref="MokaTransformer"/> says of
/// threads, shared backbones and disposal holds here too.
/// </remarks>
public sealed class MokaEmbeddingTransformer : MokaModel
{
    private readonly EmbeddingColumns _added;

    internal MokaEmbeddingTransformer(IHostEnvironment env, ModelParts<EmbeddingOutputs> parts, SharedBackbone backbone, AdapterSet adapters)
        : base(env, parts.Backbone, parts.Template, parts.MaxTokens, backbone, adapters)
    {
        Parts = parts;
        var scorer = new EmbeddingScorer(Weights, new RowEncoder(parts.Tokenizer, parts.Template, parts.MaxTokens));
        _added = new EmbeddingColumns(scorer, parts.Outputs.VectorColumn);
    }

    /// <summary>How many elements a vector has: the backbone's hidden size.</summary>
    public int Dimensions => Weights.Backbone.Config.HiddenSize;

    internal ModelParts<EmbeddingOutputs> Parts { get; }

    private protected override BackboneTokenizer Tokenizer => Parts.Tokenizer;

    private protected override PromptTemplate EmbeddingTemplate => Parts.Template;

    private protected override void Save(ModelSaveContext ctx) => ModelFile.Save(ctx, Parts, Weights);

    private protected override AddedColumns Added => _added;

    private protected override RowMapping MapRows(DataViewSchema inputSchema) => new(Host, Parts.Inputs, [], _added, inputSchema);
}
