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

    /// <summary>The column of the rows' weights; null where all count alike.</summary>
    public string? WeightColumn { get; init; }

    /// <exception cref="InvalidOperationException">No row has an answer, or a row cannot be learned from.</exception>
    public IReadOnlyList<TrainingExample> Read(IChannel channel, IDataView data, string role, CancellationToken cancellation)
    {
        var columns = inputs.In(data.Schema, role);
        if (data.Schema.GetColumnOrNull(answerName) is not { } answerColumn)
            throw InputColumns.SchemaError(
                [$"Could not find the {answerRole} column '{answerName}' in the {role} set."], nameof(data), data.Schema.Select(column => column.Name));
        var examples = new List<TrainingExample>();
        var answers = new List<string>();
        var weightColumn = WeightColumn is { } name ? DataViews.Columns.WeightColumn.In(data.Schema, name, role) : (DataViewSchema.Column?)null;
        long weightless = 0;
        long rows = 0, withoutAnswer = 0, blank = 0, cut = 0, cutAnswers = 0;
        DataViewSchema.Column[] others = weightColumn is { } weights ? [answerColumn, weights] : [answerColumn];
        using (var cursor = data.GetRowCursor(columns.Concat(others).DistinctBy(c => c.Index)))
        {
            var answerOf = AnswerReader(cursor, answerColumn, role);
            var prompt = inputs.Reader(cursor, data.Schema, Words);
            var weightOf = weightColumn is { } column ? DataViews.Columns.WeightColumn.Reader(cursor, column, role) : () => 1;
            for (; cursor.MoveNext(); rows++)
            {
                cancellation.ThrowIfCancellationRequested();
                if (answerOf() is not { } answer)
                {
                    withoutAnswer++;
                    continue;
                }
                var weight = weightOf();
                if (weight == 0)
                {
                    weightless++;
                    continue;
                }
                var asked = prompt();
                var row = Encode(asked, answer, $"Row {rows} of the {role} set");
                Notice(asked, answer);
                blank += asked.IsBlank ? 1 : 0;
                cut += row.PromptIsCut ? 1 : 0;
                cutAnswers += row.AnswerIsCut ? 1 : 0;
                var example = Learn(row, answer);
                examples.Add(weight == 1 ? example : example.With(weight));
                answers.Add(answer);
            }
        }
        if (examples.Count == 0)
            throw new InvalidOperationException(rows == 0
                ? $"The {role} set has no rows."
                : weightless > 0
                ? $"All rows of the {role} set that have an answer have the weight 0 in the column '{WeightColumn}': nothing is left to learn from."
                : $"The {role} set has no {answerRole}: it is missing in all {rows} rows.");
        if (withoutAnswer > 0)
            channel.Warning(MessageSensitivity.None, $"Skipped {withoutAnswer} of {rows} rows of the {role} set: their {answerRole} is missing.");
        if (weightless > 0)
            channel.Info(MessageSensitivity.None, $"Left out {weightless} of {rows} rows of the {role} set: their weight is 0.");
        if (blank > 0)
            channel.Warning(MessageSensitivity.None,
                $"{blank} of {rows} texts of the {role} set are blank: such rows teach how frequent each {answerRole} is, and nothing else. " +
                "Look at the column's name and at the file's separator.");
        if (cut > 0)
            channel.Warning(MessageSensitivity.None,
                $"{cut} of {rows} prompts of the {role} set were too long and lost their beginning: " +
                $"raise {nameof(TuningOptions.MaximumTokens)} if it matters.");
        if (cutAnswers > 0)
            channel.Warning(MessageSensitivity.None,
                $"{cutAnswers} of {rows} {answerRole}s of the {role} set were too long and lost their end: " +
                $"raise {nameof(TuningOptions.MaximumTokens)} if it matters.");
        Remark(channel, role);
        return Weigh(examples, answers, role);
    }

    /// <summary>Gives examples the weights of their answers; they have those of their rows.</summary>
    protected virtual IReadOnlyList<TrainingExample> Weigh(IReadOnlyList<TrainingExample> examples, IReadOnlyList<string> answers, string role) => examples;

    /// <summary>Told each row that is learned, for what is to be said of all.</summary>
    protected virtual void Notice(PromptRow prompt, string answer)
    {
    }

    /// <summary>Says what is odd about the answers that were read.</summary>
    protected virtual void Remark(IChannel channel, string role)
    {
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
