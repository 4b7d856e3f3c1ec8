namespace Microsoft.ML.Moka.Datasets;

/// <summary>
/// The YAML at the beginning of a data set's README.md, of which only the names of classes are of interest: a list item with the column's name, and in it
/// <c>class_label</c> with <c>names</c>, a line for each number.
/// </summary>
internal static class CardHeader
{
    public const string Border = "---";

    public static IEnumerable<(string Column, IReadOnlyList<string> Classes)> ClassesIn(IEnumerable<string> lines)
    {
        string? column = null;
        var names = new List<string>();
        var (isInLabel, namesIndent) = (false, -1);
        var isFirst = true;
        foreach (var line in lines)
        {
            if (isFirst && line.TrimEnd() != Border)
                yield break;
            if (!isFirst && line.TrimEnd() == Border)
                break;
            isFirst = false;
            var text = line.Trim();
            var indent = line.Length - line.TrimStart().Length;
            var isItem = text.StartsWith("- ", StringComparison.Ordinal);
            // The items of a list may stand as far left as the list's name.
            if (namesIndent >= 0 && text.Length > 0 && (indent > namesIndent || (indent == namesIndent && isItem)))
            {
                names.Add(Scalar(isItem ? text[2..] : text[(text.IndexOf(": ", StringComparison.Ordinal) + 1)..]));
                continue;
            }
            if (namesIndent >= 0 && text.Length > 0)
            {
                if (column is not null && names.Count > 0)
                    yield return (column, [.. names]);
                (isInLabel, namesIndent) = (false, -1);
                names.Clear();
            }
            if (text.StartsWith("- name:", StringComparison.Ordinal))
                (column, isInLabel) = (Scalar(text["- name:".Length..]), false);
            else if (text == "class_label:")
                isInLabel = true;
            else if (text == "names:" && isInLabel)
                namesIndent = indent;
        }
        if (column is not null && names.Count > 0)
            yield return (column, names);
    }

    private static string Scalar(string text)
    {
        text = text.Trim();
        return text switch
        {
            ['\'', .. var inner, '\''] => inner.Replace("''", "'", StringComparison.Ordinal),
            ['"', .. var inner, '"'] => inner.Replace("\\\"", "\"", StringComparison.Ordinal).Replace("\\\\", "\\", StringComparison.Ordinal),
            _ => text,
        };
    }
}
