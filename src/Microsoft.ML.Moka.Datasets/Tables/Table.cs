namespace Microsoft.ML.Moka.Datasets;

/// <summary>The rows of a file as texts.</summary>
/// <param name="Path">The file.</param>
/// <param name="Columns">The names of the columns.</param>
/// <param name="Rows">The values in the order of the columns; null where a row has none.</param>
/// <param name="Format">How the file is written.</param>
internal sealed record Table(string Path, IReadOnlyList<string> Columns, IReadOnlyList<TableRow> Rows, TableFormat Format)
{
    /// <summary>What the columns' values are; all texts where the file does not say.</summary>
    public IReadOnlyList<ValueKind>? Kinds { get; init; }

    /// <summary>Columns of the file that are not read, as they hold dates or bytes.</summary>
    public IReadOnlyList<string> LeftOut { get; init; } = [];

    /// <summary>The place of a column by its name; null where there is none. The exact name wins over one that differs in case.</summary>
    public int? Find(string name)
    {
        foreach (var comparison in (StringComparison[])[StringComparison.Ordinal, StringComparison.OrdinalIgnoreCase])
        {
            for (var i = 0; i < Columns.Count; i++)
            {
                if (Columns[i].Equals(name, comparison))
                    return i;
            }
        }
        return null;
    }

    /// <summary>The place of the column that the user named or, where none was named, of one of the usual names.</summary>
    /// <exception cref="InvalidDataException">There is no such column.</exception>
    public int Require(string? name, string option, params IReadOnlyList<string> usual)
    {
        if (name is not null)
            return Find(name) ?? throw new InvalidDataException($"{Path} has no column '{name}' ({option}). It has {Listed}.");
        return usual.Select(Find).FirstOrDefault(found => found is not null)
            ?? throw new InvalidDataException(
                $"{Path} has no column named {string.Join(" or ", usual.Select(u => $"'{u}'"))}: say with {option} which one is meant. It has {Listed}.");
    }

    /// <summary>The places of columns by their names.</summary>
    /// <param name="names">The names.</param>
    /// <param name="reason">What asks for them: "which the model reads".</param>
    /// <exception cref="InvalidDataException">Some are missing; the message names all of them.</exception>
    public IReadOnlyList<int> RequireAll(IReadOnlyList<string> names, string reason)
    {
        var missing = names.Where(name => Find(name) is null).ToList();
        return missing.Count == 0
            ? [.. names.Select(name => Find(name)!.Value)]
            : throw new InvalidDataException(
                $"{Path} has no column{(missing.Count == 1 ? "" : "s")} {Quoted(missing)}, {reason}. It has {Listed}.");
    }

    /// <summary>The columns' names for a message.</summary>
    public string Listed => (Columns.Count == 0 ? "no columns" : Quoted(Columns)) +
        (LeftOut.Count == 0 ? "" : $"; dates, bytes and maps are not read: {Quoted(LeftOut)}");

    public ValueKind KindOf(int column) => Kinds?[column] ?? ValueKind.Text;

    private static string Quoted(IEnumerable<string> names) => string.Join(", ", names.Select(name => $"'{name}'"));
}

/// <summary>What the values of a column are.</summary>
internal enum ValueKind
{
    Text,
    Whole,
    Number,
    Boolean,

    /// <summary>Lists, as JSON.</summary>
    List,
}

/// <summary>One row.</summary>
/// <param name="Line">The line that it begins in, counted from 1.</param>
/// <param name="Values">Its values.</param>
internal sealed record TableRow(int Line, IReadOnlyList<string?> Values);

/// <summary>How a file is written.</summary>
/// <param name="Separator">What separates the fields of a line; null for JSON.</param>
/// <param name="IsJsonLines">One JSON object a line, instead of an array.</param>
/// <param name="HasQuoting">Whether a quote at the beginning of a field puts it in quotes; else quotes are text.</param>
internal sealed record TableFormat(char? Separator, bool IsJsonLines = false, bool HasQuoting = true)
{
    public bool IsJson => Separator is null;
}
