namespace Microsoft.ML.Moka.Drawing;

/// <summary>A point with the range of what it is the mean of.</summary>
internal readonly record struct ScatterPoint(double X, double Y, double Low, double High, string Tip);

/// <summary>Points that belong together, joined in the order of X.</summary>
internal sealed record ScatterSeries(string Name, IReadOnlyList<ScatterPoint> Points);

/// <summary>A level that the points are compared with, drawn across the picture.</summary>
internal sealed record ReferenceLevel(string Name, double Y);

/// <summary>Points with their ranges over a logarithmic axis; names stand on the right, joined to what they name.</summary>
internal static class ScatterChart
{
    private const double LabelDistance = 18;

    public static string Draw(
        string title, string horizontalTitle, string verticalTitle, IReadOnlyList<ScatterSeries> series, IReadOnlyList<ReferenceLevel> levels)
    {
        var points = series.SelectMany(s => s.Points).ToList();
        var values = points.SelectMany(p => (double[])[p.Low, p.High]).Concat(levels.Select(level => level.Y)).ToList();
        var names = series.Select(s => s.Name).Concat(levels.Select(level => level.Name)).ToList();
        var height = Math.Max(340, names.Count * LabelDistance);
        var plot = new Plot(76, 48, 560, height, Axis.Log(points.Min(p => p.X), points.Max(p => p.X)), Axis.Linear(values.Min(), values.Max(), 8));
        var labels = plot.Left + plot.Width + 58;
        var svg = new SvgDocument(labels + names.Max(name => SvgDocument.WidthOf(name)) + 16, plot.Top + height + 58, title,
            $"{verticalTitle} against {horizontalTitle} of {string.Join(", ", names)}.");
        plot.DrawAxes(svg, horizontalTitle, verticalTitle);

        foreach (var level in levels)
            svg.Line(plot.Left, plot.Y(level.Y), plot.Left + plot.Width, plot.Y(level.Y), Palette.Faint, 1.5, dashes: "6 4");
        for (var i = 0; i < series.Count; i++)
        {
            var ordered = series[i].Points.OrderBy(p => p.X).ToList();
            svg.Path(ordered.Select(p => (plot.X(p.X), plot.Y(p.Y))), Palette.Series(i), 1.5);
            foreach (var point in ordered)
                DrawRange(svg, plot, point, i);
        }
        // Marks go over all lines.
        for (var i = 0; i < series.Count; i++)
            foreach (var point in series[i].Points)
                svg.Marker(plot.X(point.X), plot.Y(point.Y), i, 4.5, $"{series[i].Name}: {point.Tip}");

        var ends = series.Select(s => s.Points.MaxBy(p => p.X)).Select(p => (X: plot.X(p.X), Y: plot.Y(p.Y)))
            .Concat(levels.Select(level => (X: plot.Left + plot.Width, Y: plot.Y(level.Y)))).ToList();
        var places = LabelColumn.Place([.. ends.Select(end => end.Y)], LabelDistance, plot.Top, plot.Top + height);
        for (var i = 0; i < names.Count; i++)
        {
            svg.Path([(ends[i].X + 7, ends[i].Y), (plot.Left + plot.Width + 12, ends[i].Y), (labels - 18, places[i])], i < series.Count ? Palette.Series(i) : Palette.Faint, 0.7);
            if (i < series.Count)
                svg.Marker(labels - 10, places[i], i);
            svg.Text(labels, places[i] + 4, names[i], i < series.Count ? Palette.Ink : Palette.Faint);
        }
        return svg.ToString();
    }

    private static void DrawRange(SvgDocument svg, Plot plot, ScatterPoint point, int series)
    {
        var (x, top, bottom) = (plot.X(point.X), plot.Y(point.High), plot.Y(point.Low));
        svg.Line(x, top, x, bottom, Palette.Series(series));
        foreach (var end in (double[])[top, bottom])
            svg.Line(x - 4, end, x + 4, end, Palette.Series(series));
    }
}
