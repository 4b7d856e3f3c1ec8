using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Models;

/// <summary>How a model was trained, as far as it moves accuracies: what a report on it has to say. It has no part in what the model computes.</summary>
/// <param name="Seed">The seed of initial values, order of rows and dropout.</param>
/// <param name="Rows">How many rows it was trained on.</param>
/// <param name="Epochs">How often each was seen, unless early stopping ended it before; null where steps are counted.</param>
/// <param name="Steps">The number of updates; null where epochs are counted.</param>
/// <param name="LearningRate">The highest learning rate.</param>
/// <param name="TrainOnPrompt">Whether the loss was on the prompt too, and not on the answer alone.</param>
internal sealed record TrainingRecord(int Seed, int Rows, int? Epochs, int? Steps, double LearningRate, bool TrainOnPrompt)
{
    public SortedDictionary<string, object?> ToFields() => new(StringComparer.Ordinal)
    {
        ["epochs"] = Epochs,
        ["learning_rate"] = LearningRate,
        ["rows"] = Rows,
        ["seed"] = Seed,
        ["steps"] = Steps,
        ["train_on_prompt"] = TrainOnPrompt,
    };

    /// <exception cref="InvalidDataException">A field makes no sense; the message names it.</exception>
    public static TrainingRecord Read(JsonFields fields) => new(
        fields.Integer("seed", int.MinValue, int.MaxValue),
        fields.Integer("rows", 1, int.MaxValue),
        fields.Has("epochs") ? fields.Integer("epochs", 0, int.MaxValue) : null,
        fields.Has("steps") ? fields.Integer("steps", 0, int.MaxValue) : null,
        fields.Number("learning_rate", 0, float.MaxValue),
        fields.Boolean("train_on_prompt", false));
}
