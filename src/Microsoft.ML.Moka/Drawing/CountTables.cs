namespace Microsoft.ML.Moka.Drawing;

/// <summary>A table of counts in a picture of several.</summary>
internal sealed record CountTable(string Title, IReadOnlyList<string> Rows, IReadOnlyList<string> Columns, IReadOnlyList<int[]> Counts);

/// <summary>Tables of counts beside each other, each cell coloured by its share of its row.</summary>
internal static class CountTables
{
    private const double LabelSize = 11;
    private const double CellHeight = 24;
    private const double Gap = 28;

    public static string Draw(string title, string description, string rowTitle, string columnTitle, IReadOnlyList<CountTable> tables)
    {
        var cellWidth = Math.Max(38, tables.SelectMany(table => table.Columns).Max(WidthOf) + 8);
        var left = tables.SelectMany(table => table.Rows).Max(WidthOf) + 40;
        var width = Math.Max(tables.Max(table => table.Columns.Count) * cellWidth, tables.Max(table => SvgDocument.WidthOf(table.Title, 13)));
        var panels = new Panels(tables.Count, left + width + Gap, tables.Max(table => table.Rows.Count) * CellHeight + 80);
        var svg = new SvgDocument(Math.Max(panels.TotalWidth, SvgDocument.WidthOf(title, 16) + 40), panels.TotalHeight + 50, title, description);
        for (var i = 0; i < tables.Count; i++)
            DrawTable(svg, tables[i], panels.At(i), left, cellWidth, rowTitle, columnTitle);
        DrawScale(svg, 34, panels.TotalHeight + 4);
        return svg.ToString();
    }

    private static double WidthOf(string text) => SvgDocument.WidthOf(text, LabelSize);

    private static void DrawTable(
        SvgDocument svg, CountTable table, (double X, double Y) place, double left, double cellWidth, string rowTitle, string columnTitle)
    {
        var (x, y) = (place.X + left, place.Y + 50);
        var width = table.Columns.Count * cellWidth;
        svg.Text(x, place.Y + 12, table.Title, Palette.Ink, bold: true);
        svg.Text(x + width / 2, place.Y + 29, columnTitle, Palette.Faint, Anchor.Middle, LabelSize);
        svg.Text(place.X + 20, y + table.Rows.Count * CellHeight / 2, rowTitle, Palette.Faint, Anchor.Middle, LabelSize, upright: true);
        for (var column = 0; column < table.Columns.Count; column++)
            svg.Text(x + (column + 0.5) * cellWidth, y - 6, table.Columns[column], Palette.Ink, Anchor.Middle, LabelSize);
        for (var row = 0; row < table.Rows.Count; row++)
        {
            var total = table.Counts[row].Sum();
            svg.Text(x - 8, y + (row + 0.5) * CellHeight + 4, table.Rows[row], Palette.Ink, Anchor.End, LabelSize);
            for (var column = 0; column < table.Columns.Count; column++)
            {
                var count = table.Counts[row][column];
                var share = total == 0 ? 0 : count / (double)total;
                svg.Rectangle(x + column * cellWidth, y + row * CellHeight, cellWidth - 1, CellHeight - 1, Palette.OfShare(share), FormattableString.Invariant(
                    $"{table.Title}, {rowTitle} {table.Rows[row]}, {columnTitle} {table.Columns[column]}: {count} ({100 * share:0.0} %)"));
                svg.Text(x + (column + 0.5) * cellWidth, y + (row + 0.5) * CellHeight + 4, FormattableString.Invariant($"{count}"), Palette.InkOnShare(share),
                    Anchor.Middle, LabelSize);
            }
        }
    }

    private static void DrawScale(SvgDocument svg, double x, double y)
    {
        const int steps = 50;
        const double length = 200;
        for (var i = 0; i < steps; i++)
            svg.Rectangle(x + i * length / steps, y, length / steps + 0.5, 12, Palette.OfShare((i + 0.5) / steps));
        svg.Text(x, y + 26, "0 %", Palette.Faint, Anchor.Start);
        svg.Text(x + length, y + 26, "100 %", Palette.Faint, Anchor.End);
        svg.Text(x + length / 2, y + 26, "of the row", Palette.Ink, Anchor.Middle);
    }
}
