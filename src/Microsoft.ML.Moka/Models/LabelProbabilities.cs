using Microsoft.ML.Moka.DataViews.Columns;

namespace Microsoft.ML.Moka.Models;

/// <summary>Where a model that tells labels puts their probabilities.</summary>
/// <param name="Column">The column: a vector with a slot for each label or, of two labels, the probability of the first.</param>
/// <param name="Labels">The labels as text.</param>
/// <param name="Inputs">The columns that the model reads.</param>
internal sealed record LabelProbabilities(string Column, IReadOnlyList<string> Labels, InputColumns Inputs)
{
    /// <summary>The name of the only column that the model reads, for whoever has texts alone.</summary>
    /// <exception cref="ArgumentException">It reads several.</exception>
    public string TextColumn
    {
        get
        {
            string[] read = [.. Inputs.Names];
            return read is [var only] ? only : throw new ArgumentException(
                $"The model reads the columns {string.Join(", ", read.Select(name => $"'{name}'"))}, and a text is one: pass a row that has them.");
        }
    }

    /// <summary>The probabilities with the labels' names, the likeliest first.</summary>
    public LabelPrediction Named(IEnumerable<float> probabilities)
    {
        var named = Labels.Zip(probabilities, (label, probability) => new LabelProbability(label, probability));
        LabelProbability[] labels = [.. named.OrderByDescending(label => label.Probability)];
        return new LabelPrediction(float.IsNaN(labels[0].Probability) ? "" : labels[0].Label, labels[0].Probability, labels);
    }
}
