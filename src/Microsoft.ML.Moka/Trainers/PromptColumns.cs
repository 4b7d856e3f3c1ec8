using Microsoft.ML.Moka.DataViews.Columns;

namespace Microsoft.ML.Moka.Trainers;

/// <summary>What options that are not set come to: the template, and which columns it reads.</summary>
internal static class PromptColumns
{
    public static PromptTemplate TemplateOf(MokaTrainer.Options options) =>
        options.PromptTemplate ?? (options.InstructionColumnName is null ? PromptTemplate.Classification : PromptTemplate.Alpaca);

    /// <summary>The text column serves a template that asks for an instruction only, where no instruction column is set.</summary>
    public static InputColumns ColumnsOf(MokaTrainer.Options options)
    {
        var template = TemplateOf(options);
        var readsText = template.Uses("text") || (options.InstructionColumnName is null && template.Uses("instruction"));
        return new InputColumns(
            readsText ? options.TextColumnName : null, options.InstructionColumnName, options.InputColumnName, options.CandidatesColumnName);
    }
}
