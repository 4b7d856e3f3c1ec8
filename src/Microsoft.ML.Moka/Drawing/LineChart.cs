namespace Microsoft.ML.Moka.Drawing;

/// <summary>A line of a <see cref="LineChart"/>.</summary>
/// <param name="Name">What the legend calls it.</param>
/// <param name="Points">In the order of X.</param>
/// <param name="Width">The line's, in pixels.</param>
/// <param name="Marked">Whether each point has a mark: lines of hundreds of points are better without.</param>
internal sealed record LineSeries(string Name, IReadOnlyList<(int X, double Y)> Points, double Width = 2, bool Marked = true);

/// <summary>Lines over whole numbers, such as layers or steps, with a legend beside them.</summary>
internal static class LineChart
{
    public static string Draw(
        string title, string horizontalTitle, string verticalTitle, IReadOnlyList<LineSeries> series, Axis? horizontal = null, Axis? vertical = null,
        int? plotWidth = null)
    {
        var points = series.SelectMany(line => line.Points).Where(point => double.IsFinite(point.Y)).ToList();
        var (first, last) = (points.Min(point => point.X), points.Max(point => point.X));
        var width = plotWidth ?? Math.Clamp((last - first + 1) * 24, 360, 900);
        var legend = series.Max(line => SvgDocument.WidthOf(line.Name)) + 56;
        var plot = new Plot(76, 44, width, 260, horizontal ?? Axis.Whole(first, last, width / 28), vertical ?? Axis.Linear(0, points.Max(point => point.Y)));
        var svg = new SvgDocument(plot.Left + width + legend, 362, title,
            $"{verticalTitle} by {horizontalTitle}, lines for {string.Join(", ", series.Select(line => line.Name))}.");
        plot.DrawAxes(svg, horizontalTitle, verticalTitle);
        for (var i = 0; i < series.Count; i++)
        {
            var visible = series[i].Points.Where(point => double.IsFinite(point.Y)).ToList();
            svg.Path(visible.Select(point => (plot.X(point.X), plot.Y(point.Y))), Palette.Series(i), series[i].Width);
            foreach (var (x, y) in series[i].Marked ? visible : [])
                svg.Marker(plot.X(x), plot.Y(y), i, 3.5, FormattableString.Invariant($"{series[i].Name}, {horizontalTitle} {x}: {y:0.####}"));
            var row = plot.Top + 10 + i * 22;
            svg.Path([(plot.Left + width + 16, row), (plot.Left + width + 40, row)], Palette.Series(i), series[i].Width);
            if (series[i].Marked)
                svg.Marker(plot.Left + width + 28, row, i);
            svg.Text(plot.Left + width + 46, row + 4, series[i].Name, Palette.Ink);
        }
        return svg.ToString();
    }
}
