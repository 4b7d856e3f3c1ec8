using Microsoft.ML.Moka.Columns;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.ModelFiles;

/// <summary>All of a model but its weights: what it takes to turn rows into prompts and scores into columns.</summary>
internal sealed record ModelParts(
    BackboneSource Backbone,
    bool SaveBackbone,
    BackboneTokenizer Tokenizer,
    PromptTemplate Template,
    int MaxTokens,
    IReadOnlyList<string> Words,
    InputColumns Inputs,
    string ScoreColumn,
    string PredictedLabelColumn);
