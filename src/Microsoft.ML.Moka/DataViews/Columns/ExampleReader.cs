using Microsoft.ML.Data;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>Reads the rows of a data view as examples: a prompt, and the answer out of a column.</summary>
/// <param name="inputs">The columns that prompts are made of.</param>
/// <param name="answerRole">What messages call the answer's column.</param>
/// <param name="answerName">The answer's column.</param>
/// <param name="words">The candidates of a row that does not name any.</param>
/// <param name="trainOnPrompt">Whether the prompt is learned as well.</param>
internal abstract class ExampleReader(InputColumns inputs, string answerRole, string answerName, IReadOnlyList<string> words, bool trainOnPrompt)
    : IExampleReader
{
    protected IReadOnlyList<string> Words { get; } = words;

    /// <exception cref="InvalidOperationException">No row has an answer, or a row cannot be learned from.</exception>
    public IReadOnlyList<TrainingExample> Read(IChannel channel, IDataView data, string role, CancellationToken cancellation)
    {
        var columns = inputs.In(data.Schema);
        if (data.Schema.GetColumnOrNull(answerName) is not { } answerColumn)
            throw InputColumns.SchemaError([$"Could not find the {answerRole} column '{answerName}' in the {role} set."], nameof(data));
        var examples = new List<TrainingExample>();
        long rows = 0, withoutAnswer = 0, cut = 0, cutAnswers = 0;
        using (var cursor = data.GetRowCursor(columns.Append(answerColumn).DistinctBy(c => c.Index)))
        {
            var answerOf = AnswerReader(cursor, answerColumn, role);
            var prompt = inputs.Reader(cursor, data.Schema, Words);
            for (; cursor.MoveNext(); rows++)
            {
                cancellation.ThrowIfCancellationRequested();
                if (answerOf() is not { } answer)
                {
                    withoutAnswer++;
                    continue;
                }
                var row = Encode(prompt(), answer, $"Row {rows} of the {role} set");
                cut += row.PromptIsCut ? 1 : 0;
                cutAnswers += row.AnswerIsCut ? 1 : 0;
                examples.Add(Learn(row, answer));
            }
        }
        if (examples.Count == 0)
            throw new InvalidOperationException(rows == 0
                ? $"The {role} set has no rows."
                : $"The {role} set has no {answerRole}: it is missing in all {rows} rows.");
        if (withoutAnswer > 0)
            channel.Warning(MessageSensitivity.None, $"Skipped {withoutAnswer} of {rows} rows of the {role} set: their {answerRole} is missing.");
        if (cut > 0)
            channel.Warning(MessageSensitivity.None,
                $"{cut} of {rows} prompts of the {role} set were too long and lost their beginning: " +
                $"raise {nameof(TuningOptions.MaximumTokens)} if it matters.");
        if (cutAnswers > 0)
            channel.Warning(MessageSensitivity.None,
                $"{cutAnswers} of {rows} {answerRole}s of the {role} set were too long and lost their end: " +
                $"raise {nameof(TuningOptions.MaximumTokens)} if it matters.");
        return examples;
    }

    /// <summary>The answer of the current row; null where it is missing.</summary>
    protected abstract Func<string?> AnswerReader(DataViewRowCursor cursor, DataViewSchema.Column answer, string role);

    /// <exception cref="ArgumentException">The row cannot be learned from; the message says why.</exception>
    protected abstract TrainingRow Encode(PromptRow prompt, string answer);

    /// <summary>What is learned of a row: the answer's tokens.</summary>
    protected virtual TrainingExample Learn(TrainingRow row, string answer) => new(row.Ids, trainOnPrompt ? 1 : row.AnswerStart);

    private TrainingRow Encode(PromptRow prompt, string answer, string where)
    {
        try
        {
            return Encode(prompt, answer);
        }
        catch (ArgumentException e)
        {
            throw new InvalidOperationException($"{where} cannot be learned from. {e.Message}", e);
        }
    }
}
