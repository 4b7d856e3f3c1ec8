namespace Microsoft.ML.Moka.Cli.Scaffolding;

/// <summary>
/// The part of X.training.cs that reads rows from JSON. A value that is missing or of another kind is no error, as in ML.NET's reader of text files.
/// </summary>
internal static class JsonLoading
{
    public static string Of(ScaffoldPlan plan) =>
        $$"""
                public static IDataView LoadIDataViewFromFile(MLContext mlContext, string inputDataFilePath)
                {
                    return mlContext.Data.LoadFromEnumerable(ReadRows(inputDataFilePath).ToList());
                }

                private static IEnumerable<ModelInput> ReadRows(string inputDataFilePath)
                {
        {{(plan.Format.IsJsonLines ? Lines : Array)}}
                }

                private static ModelInput ToInput(JsonElement row)
                {
                    return new ModelInput
                    {
        {{string.Join("\n", plan.Columns.Select(column => $"                {column.Property} = Read{column.Type}(row, {CSharpText.Literal(column.Name)}),"))}}
                    };
                }
        {{string.Concat(plan.Columns.Select(column => column.Type).Distinct().Order().Select(Reader))}}
        """;

    private const string Array =
        """
                    using (var document = JsonDocument.Parse(File.ReadAllText(inputDataFilePath)))
                    {
                        foreach (var row in document.RootElement.EnumerateArray())
                        {
                            yield return ToInput(row);
                        }
                    }
        """;

    private const string Lines =
        """
                    foreach (var line in File.ReadLines(inputDataFilePath).Where(line => !string.IsNullOrWhiteSpace(line)))
                    {
                        using (var document = JsonDocument.Parse(line))
                        {
                            yield return ToInput(document.RootElement);
                        }
                    }
        """;

    private static string Reader(ColumnType type) => type switch
    {
        ColumnType.Number =>
            """

                    private static float ReadNumber(JsonElement row, string name)
                    {
                        return row.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetSingle() : float.NaN;
                    }

            """,
        ColumnType.Flag =>
            """

                    private static bool ReadFlag(JsonElement row, string name)
                    {
                        return row.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;
                    }

            """,
        _ =>
            """

                    private static string ReadText(JsonElement row, string name)
                    {
                        if (!row.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
                        {
                            return "";
                        }

                        return value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText();
                    }

            """,
    };
}
