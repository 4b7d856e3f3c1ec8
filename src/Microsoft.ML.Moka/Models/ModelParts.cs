using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Models;

/// <summary>All of a model but its weights: what it takes to turn rows into prompts, and what becomes of them.</summary>
/// <typeparam name="TOutputs">What the model adds to rows.</typeparam>
internal sealed record ModelParts<TOutputs>(
    BackboneSource Backbone,
    bool SaveBackbone,
    BackboneTokenizer Tokenizer,
    PromptTemplate Template,
    int MaxTokens,
    InputColumns Inputs,
    TOutputs Outputs,
    TrainingRecord? Training)
    where TOutputs : IModelOutputs<TOutputs>;

/// <summary>What a model adds to rows, as <c>moka.json</c> says it.</summary>
internal interface IModelOutputs<TSelf>
    where TSelf : IModelOutputs<TSelf>
{
    /// <summary>What the header of the model's entry begins with: eight characters.</summary>
    static abstract string ModelSignature { get; }

    /// <summary>The name that ML.NET finds the model's loader by.</summary>
    static abstract string LoaderSignature { get; }

    /// <summary>Adds its fields to the manifest, and the names of its columns to the manifest's columns.</summary>
    void Write(SortedDictionary<string, object?> fields, SortedDictionary<string, object?> columns);

    /// <summary>The outputs of the head that the model can score by; null where it can have none.</summary>
    int? HeadOutputs { get; }

    /// <summary>The first version of the manifest whose readers understand all that is written.</summary>
    int Version => 1;

    /// <summary>Whether there is no other way to its scores.</summary>
    bool NeedsHead => false;

    /// <summary>Whether each output of the head says by itself if its label applies.</summary>
    bool IsMultiLabel => false;

    /// <summary>Whether a head beside the adapter is kept and not used.</summary>
    bool IgnoresHead => false;

    /// <exception cref="InvalidDataException">A field is missing or makes no sense; the message names it.</exception>
    static abstract TSelf Read(JsonFields fields, JsonFields columns);
}
