using System.Text.RegularExpressions;

namespace Microsoft.ML.Moka.Cli;

/// <summary>What the package says, with the tool's options in the place of a program's: who uses the tool cannot set a property.</summary>
internal static class OptionNames
{
    private static readonly Dictionary<string, string> Known = new(StringComparer.Ordinal)
    {
        [nameof(TuningOptions.BackbonePath)] = "--backbone",
        [nameof(TuningOptions.BatchTokens)] = "--batch-tokens",
        [nameof(TuningOptions.CheckpointFolder)] = "--checkpoints",
        [nameof(TuningOptions.EarlyStoppingPatience)] = "--patience",
        [nameof(TuningOptions.GradientAccumulation)] = "--accumulate",
        [nameof(TuningOptions.InitialAdapterPath)] = "--from-adapter",
        [nameof(TuningOptions.LearningRate)] = "--rate",
        [nameof(TuningOptions.MaximumTokens)] = "--max-tokens",
        [nameof(TuningOptions.NumberOfEpochs)] = "--epochs",
        [nameof(TuningOptions.TensorBoardFolder)] = "--tensorboard",
        [nameof(TuningOptions.ValidationFraction)] = "--validation",
        [nameof(ScoringOptions.HeadLearningRate)] = "--head-rate",
        [nameof(ScoringOptions.HeadWeightDecay)] = "--head-weight-decay",
        [$"set {nameof(TuningOptions.GradientCheckpointing)} to true"] = "take --less-memory",
        [$"Head to {nameof(MokaHead)}.{nameof(MokaHead.Words)}"] = "--head to words",
    };

    private static readonly Dictionary<string, string> Calls = new(StringComparer.Ordinal)
    {
        ["(PreTokenizer)"] = "(--pre)",
        [$"{nameof(TuningOptions.Precision)} = "] = "--precision ",
        ["ChatTemplate.Llama3 or ChatTemplate.FromJinja(text)"] = "--template llama3",
        ["(SaveGguf)"] = "(moka merge --gguf)",
        ["(SaveMerged)"] = "(moka merge without --gguf)",
    };

    // A name behind a quote is a value of the user's.
    private static readonly Regex Names = new($@"(?<![\w'.])({string.Join('|', Known.Keys)})\b", RegexOptions.CultureInvariant);

    /// <param name="message">A message of the package.</param>
    public static string In(string message)
    {
        foreach (var (call, verb) in Calls)
            message = message.Replace(call, verb, StringComparison.Ordinal);
        return Names.Replace(message, match => Known[match.Value]);
    }
}
