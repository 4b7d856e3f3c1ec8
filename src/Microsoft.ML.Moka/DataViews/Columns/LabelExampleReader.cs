using Microsoft.ML.Data;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>Rows with a label, whose word is the answer.</summary>
/// <param name="inputs">The columns that prompts are made of.</param>
/// <param name="labelName">The label's column.</param>
/// <param name="labels">The labels that there are.</param>
/// <param name="words">The word of each.</param>
/// <param name="encoder">Makes tokens of them.</param>
/// <param name="trainOnPrompt">Whether the prompt is learned as well.</param>
internal class LabelExampleReader(
    InputColumns inputs, string labelName, IReadOnlyList<string> labels, IReadOnlyList<string> words, RowEncoder encoder, bool trainOnPrompt)
    : ExampleReader(inputs, "label", labelName, words, trainOnPrompt)
{
    private const string Training = "training";

    private readonly IReadOnlyList<string> _labels = labels;
    private readonly Dictionary<string, string> _wordOf = labels.Zip(words).ToDictionary(pair => pair.First, pair => pair.Second, StringComparer.Ordinal);
    private readonly LabelRemarks _remarks = new(words, encoder);
    private IReadOnlyDictionary<string, double>? _classWeights;

    /// <summary>How much the labels count; null where all rows count alike.</summary>
    public ClassWeights? ClassWeights { get; init; }

    protected override TrainingRow Encode(PromptRow prompt, string answer)
    {
        if (!ReferenceEquals(prompt.Candidates, Words) && !prompt.Candidates.Contains(answer))
            throw new ArgumentException(
                $"It has the label '{answer}', which is not among its candidates '{string.Join("', '", prompt.Candidates)}': " +
                "correct the label or the candidates.");
        return encoder.ForTraining(prompt, answer);
    }

    /// <summary>Whether the model tells labels apart by the tokens of their words.</summary>
    protected virtual bool LabelsAreWords => true;

    protected override void Notice(PromptRow prompt, string answer) => _remarks.Count(prompt, answer);

    // Labels of a validation set are those of the training set.
    protected override void Remark(IChannel channel, string role)
    {
        if (role != Training)
            return;
        channel.Info(MessageSensitivity.None, _remarks.MostFrequent());
        foreach (var warning in _remarks.Warnings(LabelsAreWords))
            channel.Warning(MessageSensitivity.None, warning);
    }

    /// <summary>A validation set's labels weigh what they weigh in the training set, which is read first.</summary>
    protected override IReadOnlyList<TrainingExample> Weigh(IReadOnlyList<TrainingExample> examples, IReadOnlyList<string> answers, string role)
    {
        if (ClassWeights is null)
            return examples;
        var labelOf = _wordOf.ToDictionary(pair => pair.Value, pair => pair.Key, StringComparer.Ordinal);
        _classWeights ??= ClassWeights.For(_labels, answers.Zip(examples, (word, example) => (labelOf[word], example.Weight)));
        // A label that only the validation set has is worth what a row is worth.
        return [.. examples.Zip(answers, (example, word) => example.With((float)(example.Weight * _classWeights.GetValueOrDefault(labelOf[word], 1))))];
    }

    /// <summary>The word of the current row's label; null where it is missing.</summary>
    protected override Func<string?> AnswerReader(DataViewRowCursor cursor, DataViewSchema.Column label, string role)
    {
        // Keys of another set need not be numbered alike: its own words tell what they mean.
        if (LabelColumn.In(cursor.Schema, label.Name).IsKey)
        {
            var unknown = LabelColumn.KeyWords(label).Except(_labels, StringComparer.Ordinal).ToList();
            if (unknown.Count > 0)
                throw new InvalidOperationException(
                    $"The label of the {role} set has '{string.Join("', '", unknown.Take(5))}' among its values, and that of the training set has not: " +
                    "map both with the same MapValueToKey.");
        }
        var labelOf = LabelColumn.Reader(cursor, label);
        return () =>
        {
            if (labelOf() is not { } found)
                return null;
            return _wordOf.TryGetValue(found, out var word) ? word : throw new InvalidOperationException(
                $"Row {cursor.Position} of the {role} set has the label '{found}', which no row of the training set has. " +
                $"There are '{string.Join("', '", _labels.Take(20))}'.");
        };
    }
}
