using Microsoft.ML.Data;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>Rows with a text that is to be written in answer to them.</summary>
internal sealed class OutputExampleReader(InputColumns inputs, string outputName, RowEncoder encoder, bool trainOnPrompt)
    : ExampleReader(inputs, "output", outputName, [], trainOnPrompt)
{
    protected override TrainingRow Encode(PromptRow prompt, string answer) => encoder.ForWriting(prompt, answer);

    protected override Func<string?> AnswerReader(DataViewRowCursor cursor, DataViewSchema.Column answer, string role)
    {
        if (answer.Type is not TextDataViewType)
            throw InputColumns.SchemaError(
                [$"Schema mismatch for the output column '{answer.Name}' of the {role} set: expected text, got {answer.Type}."], nameof(answer));
        var getter = cursor.GetGetter<ReadOnlyMemory<char>>(answer);
        var value = default(ReadOnlyMemory<char>);
        return () =>
        {
            getter(ref value);
            return value.IsEmpty ? null : value.ToString();
        };
    }
}
