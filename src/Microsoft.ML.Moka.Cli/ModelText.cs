using System.Globalization;

namespace Microsoft.ML.Moka.Cli;

/// <summary>Backbones and models in lines of a name and a value.</summary>
internal static class ModelText
{
    private const int MostLabels = 20;

    public static IEnumerable<(string Name, string Value)> Of(BackboneDescription backbone) =>
    [
        ("backbone", backbone.Location),
        ("parameters", Text($"{backbone.ParameterCount:N0}{(backbone.HasTiedHead ? ", the head is the embedding" : "")}")),
        ("layers", Text($"{backbone.LayerCount}, hidden size {backbone.HiddenSize:N0}, feed-forward {backbone.IntermediateSize:N0}")),
        ("attention", string.Create(CultureInfo.InvariantCulture,
            $"{backbone.AttentionHeadCount} heads of {backbone.HeadSize}, {backbone.KeyValueHeadCount} for keys and values, " +
            $"{backbone.MaximumPositions:N0} positions (rope base {backbone.RotaryBase:0.##}, scaling {backbone.RotaryScaling})")),
        ("tokenizer", Text($"{backbone.Tokenizer}, {backbone.TokenizerVocabularySize:N0} tokens (embedding: {backbone.VocabularySize:N0})")),
        ("weights", Text($"linear maps in {backbone.WeightFormat}, {Sizes.Of(backbone.WeightBytes)}")),
        ("fingerprint", backbone.Fingerprint),
    ];

    public static IEnumerable<(string Name, string Value)> Of(MokaModel model, string path)
    {
        yield return ("model", $"{path} ({Sizes.Of(new FileInfo(path).Length)})");
        if (model is MokaTransformer classifier)
            yield return (classifier.Head == MokaHead.Words ? "answers" : "labels", Labels(classifier.Labels));
        if (model is MokaMultiLabelTransformer several)
        {
            yield return ("labels", Labels(several.Labels));
            yield return ("tells", Text($"any number of labels, those above {several.Threshold}, by a linear layer over the ")
                + $"{(several.Head == MokaHead.LastToken ? "last token's state" : "mean of all tokens' states")}");
        }
        if (model is MokaTransformer { Head: not MokaHead.Words and var head })
            yield return ("head", $"a linear layer over the {(head == MokaHead.LastToken ? "last token's state" : "mean of all tokens' states")}");
        if (model is MokaBinaryTransformer binary)
            yield return ("tells", binary.Head == MokaHead.Words
                ? $"whether something is true: '{binary.PositiveWord}' or '{binary.NegativeWord}'"
                : "whether something is true, by a linear layer over the "
                    + $"{(binary.Head == MokaHead.LastToken ? "last token's state" : "mean of all tokens' states")}");
        if (model is MokaRegressionTransformer { Head: var of })
            yield return ("tells", $"a number, by a linear layer over the {(of == MokaHead.LastToken ? "last token's state" : "mean of all tokens' states")}");
        if (model is MokaTextGenerator { Options: var options })
            yield return ("writes", Text(
                $"at most {options.MaximumNewTokens:N0} tokens, temperature {options.Temperature}, top-p {options.TopP}, top-k {options.TopK}, ") +
                Text($"penalties {options.FrequencyPenalty} and {options.PresencePenalty}, ") +
                (options.Seed is { } seed ? Text($"seed {seed}") : "drawn anew each time"));
        yield return ("prompt",
            $"{model.PromptTemplate.ToString().ReplaceLineEndings("\\n")}, at most {model.MaximumTokens.ToString("N0", CultureInfo.InvariantCulture)} tokens");
        yield return ("in memory", $"linear maps in {model.Quantization}");
    }

    public static ModelNumbers Numbers(MokaModel model) => new(
        model switch
        {
            MokaTransformer => "classifier",
            MokaBinaryTransformer => "binary classifier",
            MokaRegressionTransformer => "regression",
            MokaMultiLabelTransformer => "multi-label classifier",
            MokaTextGenerator => "generator",
            _ => "embedding",
        },
        (model as MokaTransformer)?.Labels ?? (model as MokaMultiLabelTransformer)?.Labels,
        (model as MokaTransformer)?.Head ?? (model as MokaMultiLabelTransformer)?.Head, (model as MokaTextGenerator)?.Options, model.PromptTemplate.ToString(),
        model.MaximumTokens, model.Quantization);

    private static string Labels(IReadOnlyList<string> labels) =>
        labels.Count <= MostLabels ? string.Join(", ", labels) : $"{string.Join(", ", labels.Take(MostLabels))} … ({labels.Count} in all)";

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}

/// <summary>A model for scripts.</summary>
internal sealed record ModelNumbers(
    string Kind, IReadOnlyList<string>? Labels, MokaHead? Head, TextGenerationOptions? Generation, string PromptTemplate, int MaximumTokens,
    BackboneQuantization Quantization);
