using System.Globalization;
using Microsoft.ML.Moka.Cli.Data;

namespace Microsoft.ML.Moka.Cli.Scaffolding;

/// <summary>What the values of a column are in the generated code.</summary>
internal enum ColumnType
{
    Text,
    Number,
    Flag,
}

/// <summary>A column of the data, and the property that it becomes.</summary>
internal sealed record ScaffoldColumn(string Name, string Property, ColumnType Type, int Index);

/// <summary>All that the generated files are made from.</summary>
internal sealed record ScaffoldPlan
{
    // Members that every object has, and the class that the properties are in.
    private static readonly string[] Taken =
        ["ModelInput", "ModelOutput", "Equals", "GetHashCode", "GetType", "ToString", "MemberwiseClone", "Finalize", "ReferenceEquals"];

    /// <summary>The name of the generated class.</summary>
    public required string ClassName { get; init; }

    public required string Namespace { get; init; }

    /// <summary>The data, as the generated code finds it.</summary>
    public required string DataPath { get; init; }

    public required TableFormat Format { get; init; }

    public required IReadOnlyList<ScaffoldColumn> Columns { get; init; }

    public required ScaffoldColumn Label { get; init; }

    public required ScaffoldColumn Text { get; init; }

    /// <summary>The columns that the model adds, under names that no column of the data has.</summary>
    public required ScaffoldColumn PredictedLabel { get; init; }

    public required ScaffoldColumn Score { get; init; }

    public string? BackbonePath { get; init; }

    public int? Epochs { get; init; }

    public int? GpuDeviceId { get; init; }

    /// <summary>Looks at the columns and their values.</summary>
    /// <exception cref="InvalidDataException">The data has no such columns, or is nothing to learn from.</exception>
    public static ScaffoldPlan Of(Table table, string label, string? text, string className, string @namespace, string dataPath)
    {
        if (!table.Format.IsJson && table.Columns.FirstOrDefault(name => name.AsSpan().IndexOfAny('\r', '\n') >= 0) is { } broken)
            throw new InvalidDataException(
                $"{table.Path}, line 1: the column name '{broken.ReplaceLineEndings(" ")}' holds a line end, which ML.NET's reader does not take.");
        var labelIndex = table.Require(label, "--label");
        var textIndex = text is null ? OnlyText(table, labelIndex) : table.Require(text, "--text");
        if (textIndex == labelIndex)
            throw new UsageException($"Text and label are both the column '{label}'.");
        if (table.Rows.Select(row => row.Values[labelIndex]).Where(value => !string.IsNullOrWhiteSpace(value)).Distinct().Take(2).Count() < 2)
            throw new InvalidDataException(
                $"{table.Path}: the label '{table.Columns[labelIndex]}' has fewer than two values, so that there is nothing to learn.");
        var taken = new HashSet<string>(Taken, StringComparer.Ordinal);
        List<ScaffoldColumn> columns =
        [
            .. table.Columns.Select((name, i) =>
                new ScaffoldColumn(name, CSharpText.PropertyName(name, taken), i == labelIndex || i == textIndex ? ColumnType.Text : TypeOf(table, i), i)),
        ];
        return new ScaffoldPlan
        {
            ClassName = className,
            Namespace = @namespace,
            DataPath = dataPath,
            Format = table.Format,
            Columns = columns,
            Label = columns[labelIndex],
            Text = columns[textIndex],
            PredictedLabel = Added("PredictedLabel"),
            Score = Added("Score"),
        };

        ScaffoldColumn Added(string name)
        {
            var unique = name;
            for (var i = 2; table.Columns.Contains(unique); i++)
                unique = $"{name}{i}";
            return new ScaffoldColumn(unique, CSharpText.PropertyName(unique, taken), ColumnType.Text, -1);
        }
    }

    private static int OnlyText(Table table, int label)
    {
        var texts = Enumerable.Range(0, table.Columns.Count).Where(i => i != label && TypeOf(table, i) == ColumnType.Text).ToList();
        if (texts is [var only])
            return only;
        throw new UsageException(texts.Count == 0
            ? $"{table.Path} has no column of texts beside the label '{table.Columns[label]}': say with --text which one is to be classified."
            : $"{table.Path} has several columns of texts ({string.Join(", ", texts.Select(i => $"'{table.Columns[i]}'"))}): " +
                $"say with --text which one is to be classified.");
    }

    /// <summary>Numbers and true or false, if all values that there are read as such; text if not, or if there are none.</summary>
    private static ColumnType TypeOf(Table table, int column)
    {
        var values = table.Rows.Select(row => row.Values[column]?.Trim()).Where(value => !string.IsNullOrEmpty(value)).ToList();
        if (values.Count > 0 && values.TrueForAll(value => bool.TryParse(value, out _)))
            return ColumnType.Flag;
        return values.Count > 0 && values.TrueForAll(IsNumber!) ? ColumnType.Number : ColumnType.Text;
    }

    // What begins with a zero is a code: 00501.
    private static bool IsNumber(string value) =>
        float.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && float.IsFinite(number)
        && !(value.Length > 1 && value[0] == '0' && char.IsAsciiDigit(value[1]));
}
