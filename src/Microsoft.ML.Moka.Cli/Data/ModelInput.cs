using System.Globalization;
using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Cli.Data;

/// <summary>The columns that a saved model or chain makes its scores of, whoever has trained it, and rows of files as such columns.</summary>
internal sealed class ModelInput
{
    private const string Reads = "which the model reads";

    private readonly IReadOnlyList<DataViewSchema.Column> _columns;
    private readonly DataViewSchema _schema;

    private ModelInput(IReadOnlyList<DataViewSchema.Column> columns, DataViewSchema schema) => (_columns, _schema) = (columns, schema);

    /// <summary>The names of the columns.</summary>
    public IReadOnlyList<string> Names => [.. _columns.Select(column => column.Name)];

    /// <summary>Whether the model reads a text alone.</summary>
    public bool IsText => _columns is [{ Type: TextDataViewType }];

    /// <summary>The column of labels that the rows had in training.</summary>
    /// <exception cref="InvalidDataException">It cannot be told which of the columns that was.</exception>
    public string Label
    {
        get
        {
            var others = _schema.Where(column => !Names.Contains(column.Name)).ToList();
            return (others is [var only] ? only : others.Find(column => column.Name == LabelledRows.UsualLabel)) is { Name: { } name }
                ? name
                : throw new InvalidDataException(
                    $"The model was trained on rows with the columns {Quoted(_schema.Select(column => column.Name))}, of which it reads {Quoted(Names)}: there "
                    + "is no column 'Label', or another one alone, to measure it by. Evaluate it in a program.");
        }
    }

    /// <summary>An example of a row, as --row takes it.</summary>
    public string Example => $"{{{string.Join(", ", _columns.Select(column => $"\"{column.Name}\": {(column.Type is NumberDataViewType ? "1" : "\"…\"")}"))}}}";

    /// <exception cref="InvalidDataException">The model has no scores.</exception>
    public static ModelInput Of(LoadedModel loaded)
    {
        var mapper = loaded.Transformer.GetRowToRowMapper(loaded.InputSchema);
        return ScoreIn(mapper.OutputSchema) is { } score
            ? new ModelInput([.. mapper.GetDependencies([score])], loaded.InputSchema)
            : throw new InvalidDataException("The model adds no column of scores: use it from a program, which knows its columns.");
    }

    /// <summary>Where a table has the columns.</summary>
    /// <param name="table">The table.</param>
    /// <param name="text">The column that the user named for the text; null for none.</param>
    /// <param name="option">The option that names it.</param>
    /// <param name="except">A column that is not meant, such as that of labels.</param>
    /// <param name="isByName">Whether columns count by their names alone, as those of a row do that was written for the model.</param>
    /// <exception cref="InvalidDataException">One is missing; the message lists what there is.</exception>
    public IReadOnlyList<int> PlacesIn(Table table, string? text, string option, int? except = null, bool isByName = false)
    {
        if (text is not null)
        {
            // What the tool itself has trained calls the text so.
            var own = Names.Count == 1 ? Names[0] : Names.FirstOrDefault(name => name == LabelledRows.UsualText) ?? throw new UsageException(
                $"{option} is given, and the model reads the columns {Quoted(Names)} by their names.");
            var named = table.Require(text, option);
            table.RequireAll([.. Names.Where(name => name != own)], Reads);
            return [.. Names.Select(name => name == own ? named : table.Find(name)!.Value)];
        }
        if (IsText && !isByName && table.Find(Names[0]) is null)
        {
            var others = Enumerable.Range(0, table.Columns.Count).Where(place => place != (except ?? table.Find("label"))).ToList();
            return [others is [var only] ? only : table.Require(null, option, "text")];
        }
        return table.RequireAll(Names, Reads);
    }

    /// <summary>Rows of a table as the model reads them. Columns that have no part in its scores, which a chain may ask for nevertheless, are empty.</summary>
    /// <param name="table">The table.</param>
    /// <param name="places">Where it has the model's columns.</param>
    /// <param name="added">Columns beside them.</param>
    /// <exception cref="InvalidDataException">A value is not of the column's type; the message names file and line.</exception>
    public ColumnView View(Table table, IReadOnlyList<int> places, IReadOnlyList<(string Name, Array Values)> added)
    {
        List<(string Name, Array Values)> columns =
            [.. _columns.Zip(places, (column, place) => (column.Name, ValuesOf(table, place, column))), .. added];
        foreach (var column in _schema.Where(column => !column.IsHidden && !columns.Exists(known => known.Name == column.Name)).ToList())
        {
            if (Empty(column.Type, table.Rows.Count) is { } values)
                columns.Add((column.Name, values));
        }
        return new ColumnView(columns, table.Rows.Count);
    }

    public static string Quoted(IEnumerable<string> names) => string.Join(", ", names.Select(name => $"'{name}'"));

    /// <summary>The column of scores in rows that went through a model; null where there is none.</summary>
    public static DataViewSchema.Column? ScoreIn(DataViewSchema schema)
    {
        var found = schema.Where(IsScore).ToList();
        return found.Count > 0 ? found[^1] : null;
    }

    private static bool IsScore(DataViewSchema.Column column)
    {
        if (column.IsHidden || column.Annotations.Schema.GetColumnOrNull("ScoreValueKind") is not { Type: TextDataViewType })
            return false;
        var kind = default(ReadOnlyMemory<char>);
        column.Annotations.GetValue("ScoreValueKind", ref kind);
        return kind.Span is "Score";
    }

    private static Array? Empty(DataViewType type, int count) => type switch
    {
        TextDataViewType => ColumnView.Texts(Enumerable.Repeat<string?>(null, count)),
        VectorDataViewType { ItemType: TextDataViewType } => ColumnView.Vectors(Enumerable.Repeat<string[]>([], count)),
        BooleanDataViewType => new bool[count],
        NumberDataViewType => Type.GetTypeCode(type.RawType) switch
        {
            TypeCode.SByte => new sbyte[count],
            TypeCode.Byte => new byte[count],
            TypeCode.Int16 => new short[count],
            TypeCode.UInt16 => new ushort[count],
            TypeCode.Int32 => new int[count],
            TypeCode.UInt32 => new uint[count],
            TypeCode.Int64 => new long[count],
            TypeCode.UInt64 => new ulong[count],
            TypeCode.Single => new float[count],
            _ => new double[count],
        },
        _ => null,
    };

    private static Array ValuesOf(Table table, int place, DataViewSchema.Column column)
    {
        return column.Type switch
        {
            TextDataViewType => ColumnView.Texts(CellValues.Texts(table, place)),
            VectorDataViewType { ItemType: TextDataViewType } => ColumnView.Vectors(CellValues.Labels(table, place, ";")),
            BooleanDataViewType => Parsed<bool>(),
            NumberDataViewType => Type.GetTypeCode(column.Type.RawType) switch
            {
                TypeCode.SByte => Parsed<sbyte>(),
                TypeCode.Byte => Parsed<byte>(),
                TypeCode.Int16 => Parsed<short>(),
                TypeCode.UInt16 => Parsed<ushort>(),
                TypeCode.Int32 => Parsed<int>(),
                TypeCode.UInt32 => Parsed<uint>(),
                TypeCode.Int64 => Parsed<long>(),
                TypeCode.UInt64 => Parsed<ulong>(),
                TypeCode.Single => Parsed<float>(float.NaN),
                _ => Parsed<double>(double.NaN),
            },
            _ => throw new InvalidDataException(
                $"The model reads the column '{column.Name}' of the type {column.Type}, which no file has: use it from a program."),
        };

        Array Parsed<T>(T? missing = null)
            where T : struct, IParsable<T> => table.Rows.Select(row =>
            string.IsNullOrWhiteSpace(row.Values[place]) && missing is { } none ? none
            : T.TryParse(row.Values[place], CultureInfo.InvariantCulture, out var value) ? value
            : throw new InvalidDataException(
                $"{table.Path}, line {row.Line}: '{table.Columns[place]}' is '{row.Values[place]}', and the model reads it as {column.Type}.")).ToArray();
    }
}
