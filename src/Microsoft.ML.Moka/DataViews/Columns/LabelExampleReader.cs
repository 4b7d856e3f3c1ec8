using Microsoft.ML.Data;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>Rows with a label, whose word is the answer.</summary>
internal class LabelExampleReader(InputColumns inputs, string labelName, IReadOnlyList<string> words, RowEncoder encoder, bool trainOnPrompt)
    : ExampleReader(inputs, "label", labelName, words, trainOnPrompt)
{
    protected override TrainingRow Encode(PromptRow prompt, string answer)
    {
        if (!ReferenceEquals(prompt.Candidates, Words) && !prompt.Candidates.Contains(answer))
            throw new ArgumentException(
                $"It has the label '{answer}', which is not among its candidates '{string.Join("', '", prompt.Candidates)}': " +
                "correct the label or the candidates.");
        return encoder.ForTraining(prompt, answer);
    }

    /// <summary>The word of the current row's label; null where it is missing.</summary>
    protected override Func<string?> AnswerReader(DataViewRowCursor cursor, DataViewSchema.Column label, string role)
    {
        if (label.Type is TextDataViewType)
            return TextReader(cursor, label, role);
        // Keys of another set need not be numbered alike: its own words tell what they mean.
        var own = LabelColumn.Words(cursor.Schema, label.Name);
        var unknown = own.Except(Words, StringComparer.Ordinal).ToList();
        if (unknown.Count > 0)
            throw new InvalidOperationException(
                $"The label of the {role} set has '{string.Join("', '", unknown.Take(5))}' among its values, and that of the training set has not: " +
                "map both with the same MapValueToKey.");
        var getter = cursor.GetGetter<uint>(label);
        var key = 0u;
        return () =>
        {
            getter(ref key);
            if (key > own.Count)
                throw new InvalidOperationException($"Row {cursor.Position} of the {role} set has the label key {key}, but there are {own.Count} keys only.");
            return key == 0 ? null : own[(int)key - 1];
        };
    }

    private Func<string?> TextReader(DataViewRowCursor cursor, DataViewSchema.Column label, string role)
    {
        var getter = cursor.GetGetter<ReadOnlyMemory<char>>(label);
        var value = default(ReadOnlyMemory<char>);
        return () =>
        {
            getter(ref value);
            var word = value.ToString();
            if (word.Length > 0 && !Words.Contains(word))
                throw new InvalidOperationException(
                    $"Row {cursor.Position} of the {role} set has the label '{word}', which no row of the training set has. " +
                    $"There are '{string.Join("', '", Words.Take(20))}'.");
            return word.Length == 0 ? null : word;
        };
    }
}
