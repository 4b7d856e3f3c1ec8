using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Trainers;

/// <summary>What turns rows with labels into examples: by the labels' words, or for a head.</summary>
internal static class LabelReaders
{
    /// <param name="options">Columns, weights and head.</param>
    /// <param name="classWeights">How much the labels count; null where all rows count alike.</param>
    /// <param name="inputs">The columns that prompts are made of.</param>
    /// <param name="labels">The labels that there are.</param>
    /// <param name="words">The word of each.</param>
    /// <param name="encoder">Makes tokens of them.</param>
    public static IExampleReader Of(
        ScoringOptions options, ClassWeights? classWeights, InputColumns inputs, IReadOnlyList<string> labels, IReadOnlyList<string> words, RowEncoder encoder)
    {
        var (label, weight) = (options.LabelColumnName, options.ExampleWeightColumnName);
        return options.Head == MokaHead.Words
            ? new LabelExampleReader(inputs, label, labels, words, encoder, options.TrainOnPrompt) { WeightColumn = weight, ClassWeights = classWeights }
            : new HeadLabelReader(inputs, label, labels, words, encoder) { WeightColumn = weight, ClassWeights = classWeights };
    }
}
