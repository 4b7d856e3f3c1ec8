using System.Globalization;
using System.Text.Json;

namespace Microsoft.ML.Moka.Datasets;

/// <summary>
/// The names behind numbers that stand for classes (ClassLabel), by column, as Hugging Face's datasets keep them: in a Parquet file itself, in
/// dataset_infos.json, or at the beginning of README.md.
/// </summary>
internal sealed class ClassNames(IReadOnlyDictionary<string, IReadOnlyList<string>> byColumn, string source)
{
    public const string InfosFile = "dataset_infos.json";
    public const string CardFile = "README.md";

    private const string ClassLabel = "ClassLabel";

    /// <summary>What a Parquet file says of its columns.</summary>
    public static ClassNames OfParquet(string json, string path)
    {
        var names = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        Parse(json, path, root =>
        {
            if (root.TryGetProperty("info", out var info) && info.ValueKind == JsonValueKind.Object)
                Collect(info, names, path);
        });
        return new ClassNames(names, path);
    }

    /// <summary>What lies beside the data in a folder.</summary>
    /// <exception cref="InvalidDataException">A description is damaged, or two differ.</exception>
    public static ClassNames In(string folder)
    {
        var names = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        var infos = Path.Combine(folder, InfosFile);
        if (File.Exists(infos))
        {
            Parse(File.ReadAllText(infos), infos, root =>
            {
                foreach (var configuration in root.EnumerateObject().Where(property => property.Value.ValueKind == JsonValueKind.Object))
                    Collect(configuration.Value, names, infos);
            });
            return new ClassNames(names, infos);
        }
        var card = Path.Combine(folder, CardFile);
        if (File.Exists(card))
        {
            foreach (var (column, classes) in CardHeader.ClassesIn(File.ReadLines(card)))
                Add(names, column, classes, card);
        }
        return new ClassNames(names, card);
    }

    /// <summary>The table with names in place of numbers; columns that hold texts are as they are.</summary>
    /// <exception cref="InvalidDataException">A number has no name.</exception>
    public Table Apply(Table table)
    {
        foreach (var (column, names) in byColumn)
        {
            var place = table.Columns.ToList().IndexOf(column);
            if (place >= 0 && (table.KindOf(place) == ValueKind.Whole || (table.Kinds is null && AreNumbers(table, place))))
                table = Named(table, place, ValueKind.Text, (value, row) => NameOf(value, names, row));
            else if (place >= 0 && table.KindOf(place) == ValueKind.List)
                table = Named(table, place, ValueKind.List, (value, row) => value is null ? null : JsonList.Map(
                    value, item => item.ValueKind == JsonValueKind.String ? item.GetString() : NameOf(item.GetRawText(), names, row)));
        }
        return table;
    }

    private static bool AreNumbers(Table table, int place) =>
        table.Rows.All(row => string.IsNullOrEmpty(row.Values[place]) || long.TryParse(row.Values[place], CultureInfo.InvariantCulture, out _));

    private static Table Named(Table table, int place, ValueKind kind, Func<string?, int, string?> name) => table with
    {
        Rows = [.. table.Rows.Select(row => row with { Values = [.. row.Values.Select((value, i) => i == place ? name(value, row.Line) : value)] })],
        Kinds = [.. table.Columns.Select((_, i) => i == place ? kind : table.KindOf(i))],
    };

    // -1 is what datasets write where the class is not told, as in the test sets of competitions.
    private string? NameOf(string? value, IReadOnlyList<string> names, int row)
    {
        if (string.IsNullOrEmpty(value) || value == "-1")
            return null;
        return int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number < names.Count
            ? names[number]
            : throw new InvalidDataException($"Row {row} has the class {value}, and {source} names the classes 0 to {names.Count - 1}.");
    }

    private static void Parse(string json, string path, Action<JsonElement> read)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                read(document.RootElement);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: the description of the columns is not valid JSON: {e.Message}", e);
        }
    }

    private static void Collect(JsonElement info, Dictionary<string, IReadOnlyList<string>> names, string source)
    {
        if (!info.TryGetProperty("features", out var features) || features.ValueKind != JsonValueKind.Object)
            return;
        foreach (var feature in features.EnumerateObject())
        {
            var label = ItemOf(feature.Value);
            if (label.ValueKind == JsonValueKind.Object
                && label.TryGetProperty("_type", out var type) && type.ValueKind == JsonValueKind.String && type.GetString() == ClassLabel
                && label.TryGetProperty("names", out var listed) && listed.ValueKind == JsonValueKind.Array
                && listed.EnumerateArray().All(name => name.ValueKind == JsonValueKind.String))
                Add(names, feature.Name, [.. listed.EnumerateArray().Select(name => name.GetString()!)], source);
        }
    }

    /// <summary>What a list's items are (Sequence, List, or a list of one, as it was before), and else what the values are.</summary>
    private static JsonElement ItemOf(JsonElement feature) => feature.ValueKind switch
    {
        JsonValueKind.Array when feature.GetArrayLength() == 1 => feature[0],
        JsonValueKind.Object when feature.TryGetProperty("feature", out var item) => item,
        _ => feature,
    };

    private static void Add(Dictionary<string, IReadOnlyList<string>> names, string column, IReadOnlyList<string> classes, string source)
    {
        if (!names.TryAdd(column, classes) && !names[column].SequenceEqual(classes))
            throw new InvalidDataException(
                $"{source} names the classes of '{column}' in two ways, for several configurations: put the one that is meant into a folder of its own.");
    }
}
