using System.Globalization;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>Rows with a number that a head is to tell. On its way the number is a text that stands for it exactly.</summary>
internal sealed class ValueExampleReader(InputColumns inputs, string labelName, RowEncoder encoder)
    : ExampleReader(inputs, "label", labelName, [], trainOnPrompt: false)
{
    /// <summary>What is wrong with the label's type; null if nothing is.</summary>
    public static string? Problem(string name, (DataViewType Item, bool IsVector, bool IsKey)? found) => found switch
    {
        null => $"Could not find the label column '{name}': a column of Single (float) is needed, or another name in Options.LabelColumnName.",
        { Item: NumberDataViewType item, IsVector: false } when item == NumberDataViewType.Single => null,
        { } type => $"Schema mismatch for the label column '{name}': expected Single, got {(type.IsVector ? "a vector of " : "")}{type.Item}. "
            + $"Other numbers become it with mlContext.Transforms.Conversion.ConvertType(\"{name}\").",
    };

    protected override TrainingRow Encode(PromptRow prompt, string answer)
    {
        var (ids, isCut) = encoder.ForReading(prompt);
        return new TrainingRow(ids, ids.Length, isCut);
    }

    protected override TrainingExample Learn(TrainingRow row, string answer) =>
        new(row.Ids, new HeadTarget(0, float.Parse(answer, CultureInfo.InvariantCulture)));

    /// <summary>NaN is ML.NET's missing number.</summary>
    protected override Func<string?> AnswerReader(DataViewRowCursor cursor, DataViewSchema.Column answer, string role)
    {
        if (Problem(answer.Name, InputColumns.Find(cursor.Schema, answer.Name)) is { } problem)
            throw InputColumns.SchemaError([problem], nameof(answer));
        var getter = cursor.GetGetter<float>(answer);
        var value = 0f;
        return () =>
        {
            getter(ref value);
            if (float.IsInfinity(value))
                throw new InvalidOperationException(
                    $"Row {cursor.Position} of the {role} set has an infinite label: nothing can be learned from it. Correct it, or filter such rows.");
            return float.IsNaN(value) ? null : value.ToString("R", CultureInfo.InvariantCulture);
        };
    }
}
