using System.Text.RegularExpressions;

namespace Microsoft.ML.Moka.Notebook;

/// <summary>
/// Reads a file-based app whose parts are marked with <c>// %%</c> as the cells of a notebook. Markdown, and code for the notebook alone, is commented out
/// there; code for the app alone is left out; types, which stand last in an app, follow the usings.
/// </summary>
internal static partial class Walkthrough
{
    public static List<Cell> Cells(string app)
    {
        var cells = new List<Cell>();
        var types = new List<Cell>();
        var usings = -1;
        var parts = Marker().Split(app.ReplaceLineEndings("\n"));
        // What stands before the first mark is the app's; then kind, "exact" or nothing, and text take turns.
        for (var i = 1; i + 2 < parts.Length; i += 3)
        {
            var (kind, exact, text) = (parts[i], parts[i + 1].Length > 0, parts[i + 2].Trim('\n'));
            switch (kind)
            {
                case "[markdown]":
                    cells.Add(new Cell(false, Uncomment(text)));
                    break;
                case "[notebook]":
                    cells.Add(new Cell(true, Uncomment(text)));
                    break;
                case "[types]":
                    types.Add(new Cell(true, text));
                    break;
                case "[app]":
                    break;
                case "":
                    if (text.StartsWith("using ", StringComparison.Ordinal))
                        usings = cells.Count + 1;
                    cells.Add(new Cell(true, text, exact));
                    break;
                default:
                    throw new InvalidDataException($"The walkthrough has a cell of kind '{kind}'; there are [markdown], [notebook], [types] and [app].");
            }
        }
        if (cells.Count == 0)
            throw new InvalidDataException("The walkthrough has no line that begins with '// %%', so no cells.");
        cells.InsertRange(Math.Max(usings, 0), types);
        return cells;
    }

    private static string Uncomment(string text) => string.Join('\n', text.Split('\n').Select(line => line switch
    {
        "//" => "",
        _ when line.StartsWith("// ", StringComparison.Ordinal) => line[3..],
        _ => throw new InvalidDataException($"The line '{line}' of the walkthrough stands in a cell that is commented out: begin it with '// '."),
    }));

    [GeneratedRegex(@"^// %%[ ]?(\[[a-z]*\]|)[ ]?(exact|)\n", RegexOptions.Multiline)]
    private static partial Regex Marker();
}
