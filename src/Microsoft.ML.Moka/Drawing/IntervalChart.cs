namespace Microsoft.ML.Moka.Drawing;

/// <summary>A value with its interval in a row of an <see cref="IntervalChart"/>.</summary>
/// <param name="Row">The row.</param>
/// <param name="Value">The value.</param>
/// <param name="Low">The interval's lower end.</param>
/// <param name="High">The interval's upper end.</param>
/// <param name="Earlier">What it is compared with, as a line; null for nothing.</param>
internal readonly record struct IntervalPoint(int Row, double Value, double Low, double High, double? Earlier = null);

/// <summary>Points of the same kind.</summary>
internal sealed record IntervalSeries(string Name, IReadOnlyList<IntervalPoint> Points);

/// <summary>Values with their intervals in named rows over one axis from 0 to 100 %, with levels to be compared with, and a legend below.</summary>
internal static class IntervalChart
{
    private const double SeriesDistance = 15;
    private const double LegendDistance = 22;

    /// <param name="title">The title.</param>
    /// <param name="description">What the picture shows.</param>
    /// <param name="rows">The names of the rows.</param>
    /// <param name="levels">A level in each row.</param>
    /// <param name="levelName">What the levels are.</param>
    /// <param name="series">The points, shares from 0 to 1.</param>
    /// <param name="earlierName">What lines of <see cref="IntervalPoint.Earlier"/> are.</param>
    public static string Draw(
        string title, string description, IReadOnlyList<string> rows, IReadOnlyList<double> levels, string levelName, IReadOnlyList<IntervalSeries> series,
        string? earlierName)
    {
        var rowHeight = 14 + series.Count * SeriesDistance;
        var names = series.Select(s => s.Name).Append(levelName).Concat(earlierName is null ? [] : [earlierName]).ToList();
        var left = rows.Max(row => SvgDocument.WidthOf(row)) + 24;
        var width = Math.Max(560, names.Max(name => SvgDocument.WidthOf(name)) + 40);
        var plot = new Plot(left, 44, width, rows.Count * rowHeight, Axis.Linear(0, 100, 10), Axis.Linear(0, 1));
        var legend = plot.Top + plot.Height + 52;
        var svg = new SvgDocument(Math.Max(left + width + 28, SvgDocument.WidthOf(title, 16) + 40), legend + names.Count * LegendDistance, title, description);

        for (var row = 0; row < rows.Count; row++)
        {
            if (row % 2 == 1)
                svg.Rectangle(plot.Left, Top(row), plot.Width, rowHeight, Palette.Band);
            svg.Text(left - 10, Top(row) + rowHeight / 2 + 4, rows[row], Palette.Ink, Anchor.End, bold: row == rows.Count - 1);
        }
        foreach (var tick in plot.Horizontal.Ticks)
        {
            svg.Line(plot.X(tick), plot.Top, plot.X(tick), plot.Top + plot.Height, Palette.Grid);
            svg.Text(plot.X(tick), plot.Top + plot.Height + 18, Axis.Label(tick), Palette.Faint, Anchor.Middle);
        }
        svg.Text(plot.Left + plot.Width / 2, plot.Top + plot.Height + 36, "accuracy, %, with 95 % interval", Palette.Ink, Anchor.Middle);
        for (var row = 0; row < rows.Count; row++)
            svg.Line(plot.X(100 * levels[row]), Top(row) + 2, plot.X(100 * levels[row]), Top(row) + rowHeight - 2, Palette.Faint, 1.5, dashes: "3 3");
        for (var i = 0; i < series.Count; i++)
            foreach (var point in series[i].Points)
                DrawPoint(svg, plot, point, i, Top(point.Row) + 7 + (i + 0.5) * SeriesDistance, series[i].Name, rows[point.Row]);

        for (var i = 0; i < names.Count; i++)
        {
            var y = legend + 4 + i * LegendDistance;
            if (i < series.Count)
                svg.Marker(left + 8, y, i);
            else if (i == series.Count)
                svg.Line(left + 8, y - 8, left + 8, y + 8, Palette.Faint, 1.5, dashes: "3 3");
            else
                DrawEarlier(svg, left + 8, y, Palette.Ink);
            svg.Text(left + 24, y + 4, names[i], Palette.Ink);
        }
        return svg.ToString();

        double Top(int row) => plot.Top + row * rowHeight;
    }

    private static void DrawPoint(SvgDocument svg, Plot plot, IntervalPoint point, int series, double y, string name, string row)
    {
        svg.Line(plot.X(100 * point.Low), y, plot.X(100 * point.High), y, Palette.Series(series), 2);
        if (point.Earlier is { } earlier)
            DrawEarlier(svg, plot.X(100 * earlier), y, Palette.Series(series));
        var comparison = point.Earlier is { } before ? FormattableString.Invariant($", earlier {100 * before:0.0} %") : "";
        svg.Marker(plot.X(100 * point.Value), y, series, 4.5, FormattableString.Invariant(
            $"{name}, {row}: {100 * point.Value:0.0} % ({100 * point.Low:0.0} to {100 * point.High:0.0}){comparison}"));
    }

    private static void DrawEarlier(SvgDocument svg, double x, double y, Color color) => svg.Line(x, y - 6, x, y + 6, color, 2.5);
}
