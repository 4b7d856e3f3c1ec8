using Microsoft.ML.Moka.Drawing;

namespace Microsoft.ML.Moka.Models;

/// <summary>Labels of a text in a notebook: a row for each, the likeliest first.</summary>
internal sealed class LabelPredictionView : NotebookFormats
{
    protected override string Write(object value) => Table(
        ["label", "probability, %"],
        ((LabelPrediction)value).Labels.Select(label => (string[])[label.Label, FormattableString.Invariant($"{100 * label.Probability:0.0}")]));
}
