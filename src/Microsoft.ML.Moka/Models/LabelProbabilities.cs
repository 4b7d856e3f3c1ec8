using Microsoft.ML.Moka.DataViews.Columns;

namespace Microsoft.ML.Moka.Models;

/// <summary>Where a model that tells labels puts their probabilities.</summary>
/// <param name="Column">The column: a vector with a slot for each label or, of two labels, the probability of the first.</param>
/// <param name="Labels">The labels as text.</param>
/// <param name="Inputs">The columns that the model reads.</param>
internal sealed record LabelProbabilities(string Column, IReadOnlyList<string> Labels, InputColumns Inputs);
