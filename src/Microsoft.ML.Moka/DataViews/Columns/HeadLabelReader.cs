using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>Rows with a label that a head is to tell: the prompt alone is read, and the label is the number of an output.</summary>
internal sealed class HeadLabelReader(InputColumns inputs, string labelName, IReadOnlyList<string> labels, IReadOnlyList<string> words, RowEncoder encoder)
    : LabelExampleReader(inputs, labelName, labels, words, encoder, trainOnPrompt: false)
{
    protected override bool LabelsAreWords => false;

    private readonly RowEncoder _encoder = encoder;
    private readonly Dictionary<string, int> _outputs = words.Select((label, output) => (label, output)).ToDictionary(StringComparer.Ordinal);

    protected override TrainingRow Encode(PromptRow prompt, string answer)
    {
        var (ids, isCut) = _encoder.ForReading(prompt);
        return new TrainingRow(ids, ids.Length, isCut);
    }

    protected override TrainingExample Learn(TrainingRow row, string answer) => new(row.Ids, new HeadTarget(_outputs[answer]));
}
