namespace Microsoft.ML.Moka.Cli.Data;

/// <summary>What a model tells of rows, in each form that it is written in.</summary>
internal interface IPredictions
{
    /// <summary>The columns that a file gets beside its own.</summary>
    IReadOnlyList<string> Columns { get; }

    /// <summary>What stands in them.</summary>
    IEnumerable<string> CellsOf(int row);

    /// <summary>What is shown of one row that was asked for alone, a line each.</summary>
    IReadOnlyList<string> Alone();

    /// <summary>What is shown of one row of several, on its line.</summary>
    string OneOfSeveral(int row);

    /// <summary>All rows for scripts.</summary>
    void WriteJson(TextWriter writer, IReadOnlyList<PredictedRow> rows);
}

/// <summary>What a prediction is of: a text, or the values of the columns that the model reads.</summary>
internal sealed record PredictedRow(string? Text, IReadOnlyDictionary<string, string>? Columns)
{
    public static PredictedRow Of(IReadOnlyList<string> values, ModelInput input) => input.IsText
        ? new PredictedRow(values[0], null)
        : new PredictedRow(null, input.Names.Zip(values).ToDictionary(column => column.First, column => column.Second));
}
