namespace Microsoft.ML.Moka.Drawing;

/// <summary>A cell of a <see cref="HeatMap"/>: column <paramref name="Column"/> of group <paramref name="Group"/>.</summary>
internal readonly record struct HeatCell(int Row, int Group, int Column, double Value);

/// <summary>Cells in rows and in groups of columns, coloured by value, with a scale below.</summary>
internal static class HeatMap
{
    private const double Gap = 4;
    private const double CellHeight = 26;

    public static string Draw(
        string title, string groupTitle, string columnTitle, string valueTitle, IReadOnlyList<string> rows, IReadOnlyList<string> groups,
        IReadOnlyList<HeatCell> cells)
    {
        var (least, most) = (cells.Min(cell => cell.Value), cells.Max(cell => cell.Value));
        var widths = Enumerable.Range(0, groups.Count).Select(group => cells.Where(cell => cell.Group == group).Max(cell => cell.Column) + 1).ToArray();
        // Room for some 900 pixels of cells: many layers make narrow ones.
        var cellWidth = Math.Clamp((900 - Gap * groups.Count) / widths.Sum(), 2, 30);
        var left = rows.Max(row => SvgDocument.WidthOf(row)) + 24;
        var starts = new double[groups.Count + 1];
        starts[0] = left;
        for (var group = 0; group < groups.Count; group++)
            starts[group + 1] = starts[group] + widths[group] * cellWidth + Gap;
        const double top = 48;
        var bottom = top + rows.Count * CellHeight;
        var width = Math.Max(starts[^1] + 20, Math.Max(SvgDocument.WidthOf(title, 16) + 40, left + 300));
        var svg = new SvgDocument(
            width, bottom + 118, title, FormattableString.Invariant($"{valueTitle} from {least:0.####} to {most:0.####}; ") +
                $"rows are maps, columns are {columnTitle} within {groupTitle}.");

        for (var row = 0; row < rows.Count; row++)
            svg.Text(left - 8, top + (row + 0.5) * CellHeight + 4, rows[row], Palette.Ink, Anchor.End);
        foreach (var (row, group, column, value) in cells)
            svg.Rectangle(starts[group] + column * cellWidth, top + row * CellHeight, cellWidth - Math.Min(1, cellWidth / 8), CellHeight - 1,
                Palette.OfShare(Share(value)),
                FormattableString.Invariant($"{rows[row]}, {groupTitle} {groups[group]}, {columnTitle} {column}: {value:0.####}"));

        // A label for each group, or for every second, third … where they would touch.
        var room = widths.Min() * cellWidth + Gap;
        var every = (int)Math.Ceiling((groups.Max(group => SvgDocument.WidthOf(group)) + 4) / room);
        var numbered = cellWidth >= 16;
        for (var group = 0; group < groups.Count; group++)
        {
            if (numbered)
                for (var column = 0; column < widths[group]; column++)
                    svg.Text(starts[group] + (column + 0.5) * cellWidth, bottom + 13, $"{column}", Palette.Faint, Anchor.Middle, size: 9);
            if (group % every == 0)
                svg.Text((starts[group] + starts[group + 1] - Gap) / 2, bottom + (numbered ? 30 : 18), groups[group], Palette.Ink, Anchor.Middle);
        }
        var axis = bottom + (numbered ? 50 : 38);
        svg.Text((left + starts[^1]) / 2, axis, numbered ? $"{groupTitle}; small numbers: {columnTitle}" : $"{groupTitle}; columns within: {columnTitle}",
            Palette.Ink, Anchor.Middle);
        DrawScale(svg, left, axis + 18);
        return svg.ToString();

        double Share(double value) => most > least ? (value - least) / (most - least) : 0.5;

        void DrawScale(SvgDocument target, double x, double y)
        {
            const int steps = 60;
            const double length = 240;
            for (var i = 0; i < steps; i++)
                target.Rectangle(x + i * length / steps, y, length / steps + 0.5, 12, Palette.OfShare(most > least ? (i + 0.5) / steps : 0.5));
            target.Text(x, y + 26, Axis.Label(Round(least)), Palette.Faint, Anchor.Start);
            target.Text(x + length, y + 26, Axis.Label(Round(most)), Palette.Faint, Anchor.End);
            target.Text(x + length / 2, y + 26, valueTitle, Palette.Ink, Anchor.Middle);
        }
    }

    private static double Round(double value) => value == 0
        ? 0
        : Math.Round(value / Math.Pow(10, Math.Floor(Math.Log10(Math.Abs(value))) - 2)) * Math.Pow(10, Math.Floor(Math.Log10(Math.Abs(value))) - 2);
}
