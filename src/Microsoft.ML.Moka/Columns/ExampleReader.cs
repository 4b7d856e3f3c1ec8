using Microsoft.ML.Data;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Columns;

/// <summary>The examples that are trained on, and those that are only watched.</summary>
internal sealed record TrainingData(IReadOnlyList<TrainingExample> Examples, IReadOnlyList<TrainingExample>? Validation)
{
    /// <summary>Takes a share of the examples, chosen by the seed, for validation.</summary>
    public static TrainingData Split(IReadOnlyList<TrainingExample> examples, double fraction, ulong seed)
    {
        var count = (int)Math.Round(fraction * examples.Count);
        if (count == 0)
            return new TrainingData(examples, null);
        if (count == examples.Count)
            throw new InvalidOperationException($"ValidationFraction leaves none of the {examples.Count} rows to train on: lower it, or give more rows.");
        var order = Enumerable.Range(0, examples.Count).ToArray();
        new SeededRandom(seed, "validation").Shuffle<int>(order);
        return new TrainingData(
            [.. order.Skip(count).Order().Select(i => examples[i])],
            [.. order.Take(count).Order().Select(i => examples[i])]);
    }
}

/// <summary>Reads the rows of a data view as examples: the prompt, and the label's word as the answer.</summary>
internal sealed class ExampleReader(InputColumns inputs, string labelName, IReadOnlyList<string> words, RowEncoder encoder, bool trainOnPrompt)
{
    /// <exception cref="InvalidOperationException">No row has a label, or a row cannot be learned from.</exception>
    public IReadOnlyList<TrainingExample> Read(IChannel channel, IDataView data, string role, CancellationToken cancellation)
    {
        var columns = inputs.In(data.Schema);
        if (data.Schema.GetColumnOrNull(labelName) is not { } label)
            throw InputColumns.SchemaError([$"Could not find the label column '{labelName}' in the {role} set."], nameof(data));
        var examples = new List<TrainingExample>();
        long rows = 0, withoutLabel = 0, cut = 0;
        using (var cursor = data.GetRowCursor(columns.Append(label).DistinctBy(c => c.Index)))
        {
            var answer = AnswerReader(cursor, label, role);
            var prompt = inputs.Reader(cursor, data.Schema, words);
            for (; cursor.MoveNext(); rows++)
            {
                cancellation.ThrowIfCancellationRequested();
                if (answer() is not { } word)
                {
                    withoutLabel++;
                    continue;
                }
                var row = Encode(prompt(), word, $"Row {rows} of the {role} set");
                cut += row.PromptIsCut ? 1 : 0;
                examples.Add(new TrainingExample(row.Ids, trainOnPrompt ? 1 : row.AnswerStart));
            }
        }
        if (examples.Count == 0)
            throw new InvalidOperationException(rows == 0
                ? $"The {role} set has no rows."
                : $"The {role} set has no row with a label: all {rows} are missing.");
        if (withoutLabel > 0)
            channel.Warning(MessageSensitivity.None, $"Skipped {withoutLabel} of {rows} rows of the {role} set: their label is missing.");
        if (cut > 0)
            channel.Warning(MessageSensitivity.None,
                $"{cut} of {rows} prompts of the {role} set were too long and lost their beginning: raise {nameof(MokaTrainer.Options.MaximumTokens)} if it matters.");
        return examples;
    }

    private TrainingRow Encode(PromptRow prompt, string word, string where)
    {
        if (!ReferenceEquals(prompt.Candidates, words) && !prompt.Candidates.Contains(word))
            throw new InvalidOperationException(
                $"{where} has the label '{word}', which is not among its candidates '{string.Join("', '", prompt.Candidates)}': correct the label or the candidates.");
        try
        {
            return encoder.ForTraining(prompt, word);
        }
        catch (ArgumentException e)
        {
            throw new InvalidOperationException($"{where} cannot be learned from. {e.Message}", e);
        }
    }

    /// <summary>The word of the current row's label; null where it is missing.</summary>
    private Func<string?> AnswerReader(DataViewRowCursor cursor, DataViewSchema.Column label, string role)
    {
        if (label.Type is TextDataViewType)
            return TextReader(cursor, label, role);
        // Keys of another set need not be numbered alike: its own words tell what they mean.
        var own = LabelColumn.Words(cursor.Schema, labelName);
        var unknown = own.Except(words, StringComparer.Ordinal).ToList();
        if (unknown.Count > 0)
            throw new InvalidOperationException(
                $"The label of the {role} set has '{string.Join("', '", unknown.Take(5))}' among its values, and that of the training set has not: map both with the same MapValueToKey.");
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
            if (word.Length > 0 && !words.Contains(word))
                throw new InvalidOperationException(
                    $"Row {cursor.Position} of the {role} set has the label '{word}', which no row of the training set has. There are '{string.Join("', '", words.Take(20))}'.");
            return word.Length == 0 ? null : word;
        };
    }
}
