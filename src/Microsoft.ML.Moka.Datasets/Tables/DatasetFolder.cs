using System.Text.RegularExpressions;

namespace Microsoft.ML.Moka.Datasets;

/// <summary>
/// A folder as Hugging Face's hub has data sets: files whose names, or whose folders' names, say the split, one or several to a split
/// (<c>data/train-00000-of-00002.parquet</c>), and beside them the names of classes.
/// </summary>
internal static partial class DatasetFolder
{
    public const string Train = "train";

    private static readonly string[] Descriptions = [ClassNames.InfosFile, "dataset_info.json", "dataset_dict.json", "state.json"];

    // What datasets takes for a split, the names that it knows first.
    private static readonly (string Split, string[] Words)[] Splits =
    [
        (Train, ["train", "training"]),
        ("validation", ["validation", "valid", "val", "dev"]),
        ("test", ["test", "testing", "eval", "evaluation"]),
    ];

    /// <summary>Whether a folder says of itself that it is a data set: other folders may hold benchmarks.</summary>
    public static bool IsDescribed(string folder)
    {
        var card = Path.Combine(folder, ClassNames.CardFile);
        return Directory.Exists(folder)
            && (File.Exists(Path.Combine(folder, ClassNames.InfosFile))
                || (File.Exists(card) && File.ReadLines(card).FirstOrDefault()?.TrimEnd() == CardHeader.Border)
                || Directory.EnumerateFiles(folder, "*.parquet", SearchOption.AllDirectories).Any());
    }

    /// <summary>The rows of a split.</summary>
    /// <exception cref="InvalidDataException">There is no such split, or it cannot be told which files it has; the message names what there is.</exception>
    public static Table Read(string folder, string split)
    {
        var files = FilesOf(folder, split);
        var names = ClassNames.In(folder);
        var tables = files.ConvertAll(file => names.Apply(TableReader.ReadFile(file)));
        var first = tables[0];
        for (var i = 1; i < tables.Count; i++)
        {
            if (!tables[i].Columns.SequenceEqual(first.Columns))
                throw new InvalidDataException($"{files[i]} has {tables[i].Listed}, and {files[0]} of the same split has {first.Listed}.");
        }
        var rows = tables.SelectMany(table => table.Rows).ToList();
        if (rows.Count == 0)
            throw new InvalidDataException($"{files[0]} has no rows.");
        // Where parts do not agree what their values are, they are texts.
        return first with
        {
            Rows = rows,
            Kinds = [.. first.Columns.Select((_, column) => tables.TrueForAll(table => table.KindOf(column) == first.KindOf(column))
                ? first.KindOf(column) : ValueKind.Text)],
        };
    }

    private static List<string> FilesOf(string folder, string split)
    {
        var all = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(folder, path)).Where(name => !IsHidden(name)).Order(StringComparer.Ordinal).ToList();
        var data = all.Where(IsData).ToList();
        if (data.Count == 0)
        {
            throw new InvalidDataException(all.Exists(name => name.EndsWith(".arrow", StringComparison.Ordinal))
                ? $"'{folder}' holds Arrow files, as save_to_disk writes them, which are not read: write the data set with to_parquet or to_json."
                : $"'{folder}' holds no data: there is no file in it that ends in .csv, .tsv, .json, .jsonl or .parquet.");
        }
        var bySplit = data.GroupBy(SplitOf).ToDictionary(group => group.Key ?? Train, group => group.ToList());
        // Names that say nothing are training data where nothing says otherwise.
        if (data.Exists(name => SplitOf(name) is null) && data.Exists(name => SplitOf(name) is not null))
        {
            bySplit[Train] = [.. data.Where(name => SplitOf(name) == Train)];
            if (bySplit[Train].Count == 0)
                bySplit.Remove(Train);
        }
        if (!bySplit.TryGetValue(split, out var found))
            throw new InvalidDataException(
                $"'{folder}' has no split '{split}': there {(bySplit.Count == 1 ? "is" : "are")} {string.Join(", ", bySplit.Keys)}.");
        // Parts of one series differ by their numbers alone.
        if (found.Select(name => Numbers().Replace(name, "#")).Distinct().Count() > 1)
            throw new InvalidDataException(
                $"'{folder}' has the split '{split}' more than once, as configurations, in several forms or of several sizes: name the folder or the file " +
                $"that is meant of {string.Join(", ", found.Select(name => $"'{name}'"))}.");
        RequireAllParts(folder, found);
        return found.ConvertAll(name => Path.Combine(folder, name));
    }

    // A .txt beside data is a licence.
    private static bool IsData(string name) => Path.GetExtension(name).ToLowerInvariant() is not ".txt" and var ending
        && TableReader.Endings.Contains(ending) && !Descriptions.Contains(Path.GetFileName(name));

    private static bool IsHidden(string name) => name.Split('/', '\\').Any(part => part.StartsWith('.') || part.StartsWith("__", StringComparison.Ordinal));

    /// <summary>The split that the name of a file, or of a folder around it, says; null where none does.</summary>
    private static string? SplitOf(string name)
    {
        foreach (var part in Path.ChangeExtension(name, null).Split('/', '\\').Reverse())
        {
            var words = Word().Matches(part.ToLowerInvariant()).Select(match => match.Value).ToList();
            foreach (var (split, known) in Splits)
            {
                if (words.Exists(known.Contains))
                    return split;
            }
            // A split of another name is known by its parts alone: "unsupervised-00000-of-00001".
            if (Part().Match(part) is { Success: true } match)
                return match.Groups["name"].Value;
        }
        return null;
    }

    private static void RequireAllParts(string folder, List<string> files)
    {
        var parts = files.Select(name => Part().Match(Path.GetFileNameWithoutExtension(name))).Where(match => match.Success).ToList();
        if (parts.Count == 0)
            return;
        var count = int.Parse(parts[0].Groups["count"].Value, System.Globalization.CultureInfo.InvariantCulture);
        var there = parts.Select(part => int.Parse(part.Groups["number"].Value, System.Globalization.CultureInfo.InvariantCulture)).ToHashSet();
        for (var number = 0; number < Math.Min(count, there.Count + 1); number++)
        {
            if (!there.Contains(number))
                throw new InvalidDataException($"'{folder}' lacks part {number} of {count} of '{files[0]}' and its like: fetch the whole folder.");
        }
    }

    // The hash that stands behind a part's number differs with it.
    [GeneratedRegex("(?:-[0-9a-f]{16}(?=\\.))|[0-9]+")]
    private static partial Regex Numbers();

    [GeneratedRegex("[a-z]+")]
    private static partial Regex Word();

    [GeneratedRegex("^(?<name>[A-Za-z0-9_.]+)-(?<number>[0-9]{5})-of-(?<count>[0-9]{5})(?:-[0-9a-f]+)?$")]
    private static partial Regex Part();
}
