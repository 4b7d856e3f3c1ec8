using Microsoft.ML.Data;
using Microsoft.ML.Moka.DataViews.Columns;

namespace Microsoft.ML.Moka.Trainers;

/// <summary>What options that are not set come to: the template, and which columns it reads.</summary>
internal static class PromptColumns
{
    public static PromptTemplate TemplateOf(ScoringOptions options) => options.PromptTemplate ?? (options.InstructionColumnName is not null
        ? PromptTemplate.Alpaca
        : options.Head == MokaHead.Words ? PromptTemplate.Classification : PromptTemplate.Label);

    /// <summary>What is wrong with the columns that a scoring trainer reads beside the label.</summary>
    public static IEnumerable<string> Problems(
        ScoringOptions options, InputColumns inputs, Func<string, (DataViewType Item, bool IsVector, bool IsKey)?> find)
    {
        foreach (var problem in inputs.Problems(find))
            yield return problem;
        if (options.ExampleWeightColumnName is { } weight && WeightColumn.Problem(weight, find(weight)) is { } wrong)
            yield return wrong;
    }

    /// <summary>The text column serves a template that asks for an instruction only, where no instruction column is set.</summary>
    public static InputColumns ColumnsOf(ScoringOptions options)
    {
        var template = TemplateOf(options);
        var readsText = template.Uses("text") || (options.InstructionColumnName is null && template.Uses("instruction"));
        return new InputColumns(
            readsText ? options.TextColumnName : null, options.InstructionColumnName, options.InputColumnName,
            (options as MokaTrainer.Options)?.CandidatesColumnName)
        {
            Named = template.Columns,
        };
    }
}
