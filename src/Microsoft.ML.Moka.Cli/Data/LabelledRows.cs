namespace Microsoft.ML.Moka.Cli.Data;

/// <summary>Rows of a file with their labels, as a model reads them: what a classifier learns from and is measured on.</summary>
/// <param name="View">The columns of the prompt, and that of the label.</param>
/// <param name="Label">The label's column in the view.</param>
/// <param name="Labels">The labels of each row: one, or none or more where any number may apply.</param>
internal sealed record LabelledRows(IDataView View, string Label, IReadOnlyList<IReadOnlyList<string>> Labels)
{
    public const string UsualText = "Text";
    public const string UsualLabel = "Label";

    /// <summary>The column of texts in the view; null where the prompt has none.</summary>
    public string? Text { get; init; }

    /// <summary>The values of the first row, by the view's columns: something to try a model on.</summary>
    public IReadOnlyDictionary<string, string> First { get; init; } = new Dictionary<string, string>();
}
