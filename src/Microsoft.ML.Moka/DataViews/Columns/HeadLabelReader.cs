using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>Rows with a label that a head is to tell: the prompt alone is read, and the label is the number of an output.</summary>
internal sealed class HeadLabelReader(InputColumns inputs, string labelName, IReadOnlyList<string> labels, RowEncoder encoder)
    : LabelExampleReader(inputs, labelName, labels, encoder, trainOnPrompt: false)
{
    private readonly RowEncoder _encoder = encoder;
    private readonly Dictionary<string, int> _outputs = labels.Select((label, output) => (label, output)).ToDictionary(StringComparer.Ordinal);

    protected override TrainingRow Encode(PromptRow prompt, string answer)
    {
        var (ids, isCut) = _encoder.ForReading(prompt);
        return new TrainingRow(ids, ids.Length, isCut);
    }

    protected override TrainingExample Learn(TrainingRow row, string answer) => new(row.Ids, new HeadTarget(_outputs[answer]));
}
