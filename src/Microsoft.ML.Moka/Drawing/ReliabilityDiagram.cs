using System.Globalization;

namespace Microsoft.ML.Moka.Drawing;

/// <summary>Answers of about the same probability.</summary>
/// <param name="Probability">The mean of what the model said.</param>
/// <param name="Accuracy">How many are right.</param>
/// <param name="Low">The lower end of the accuracy's interval.</param>
/// <param name="High">The upper end.</param>
/// <param name="Rows">How many answers.</param>
/// <param name="Bin">The place of the bin.</param>
internal readonly record struct ReliabilityPoint(double Probability, double Accuracy, double Low, double High, int Rows, int Bin);

/// <summary>A diagram in a picture of several.</summary>
internal sealed record ReliabilityPanel(string Title, string Subtitle, IReadOnlyList<ReliabilityPoint> Points);

/// <summary>Accuracy against probability: on the diagonal, a model is right as often as it says. Bars below tell how many answers there are.</summary>
internal static class ReliabilityDiagram
{
    private const double Side = 168;
    private const double BarHeight = 36;

    /// <summary>Points of fewer answers say little: they are faint, and no line leads to them.</summary>
    private const int FewAnswers = 10;

    public static string Draw(string title, string description, int bins, IReadOnlyList<ReliabilityPanel> panels)
    {
        var layout = new Panels(panels.Count, 64 + Math.Max(Side, panels.Max(panel => SvgDocument.WidthOf(panel.Title, 13))) + 18, 58 + Side + BarHeight + 54);
        var svg = new SvgDocument(Math.Max(layout.TotalWidth, SvgDocument.WidthOf(title, 16) + 40), layout.TotalHeight + 8, title, description);
        for (var i = 0; i < panels.Count; i++)
            DrawPanel(svg, panels[i], layout.At(i), bins);
        return svg.ToString();
    }

    private static void DrawPanel(SvgDocument svg, ReliabilityPanel panel, (double X, double Y) place, int bins)
    {
        var axis = Axis.Linear(0, 100, 5);
        var plot = new Plot(place.X + 64, place.Y + 44, Side, Side, axis, axis);
        svg.Text(plot.Left, place.Y + 14, panel.Title, Palette.Ink, bold: true);
        svg.Text(plot.Left, place.Y + 32, panel.Subtitle, Palette.Faint, size: 11);
        var bottom = plot.Top + Side + 6 + BarHeight;
        foreach (var tick in axis.Ticks)
        {
            svg.Line(plot.Left, plot.Y(tick), plot.Left + Side, plot.Y(tick), Palette.Grid);
            svg.Text(plot.Left - 7, plot.Y(tick) + 4, Axis.Label(tick), Palette.Faint, Anchor.End, 11);
            svg.Text(plot.X(tick), bottom + 15, Axis.Label(tick), Palette.Faint, Anchor.Middle, 11);
        }
        svg.Text(place.X + 20, plot.Top + Side / 2, "accuracy, %", Palette.Ink, Anchor.Middle, 11, upright: true);
        svg.Text(plot.Left + Side / 2, bottom + 32, "probability, %", Palette.Ink, Anchor.Middle, 11);
        svg.Line(plot.X(0), plot.Y(0), plot.X(100), plot.Y(100), Palette.Faint, dashes: "4 4");

        var most = panel.Points.Max(point => point.Rows);
        foreach (var point in panel.Points)
        {
            var height = Math.Max(1, BarHeight * point.Rows / most);
            var tip = string.Create(CultureInfo.InvariantCulture,
                $"{panel.Title}: {point.Rows} answers, probability {100 * point.Probability:0.0} %, " +
                $"accuracy {100 * point.Accuracy:0.0} % ({100 * point.Low:0.0} to {100 * point.High:0.0})");
            svg.Rectangle(plot.Left + point.Bin * Side / bins + 1, bottom - height, Side / bins - 2, height, Palette.Faint, tip);
            svg.Line(plot.X(100 * point.Probability), plot.Y(100 * point.Low), plot.X(100 * point.Probability), plot.Y(100 * point.High), ColorOf(point), 1.5);
        }
        svg.Line(plot.Left, bottom, plot.Left + Side, bottom, Palette.Faint);
        svg.Path(panel.Points.Where(point => point.Rows >= FewAnswers).Select(point => (plot.X(100 * point.Probability), plot.Y(100 * point.Accuracy))),
            Palette.Series(0), 1.5);
        foreach (var point in panel.Points)
            svg.Dot(plot.X(100 * point.Probability), plot.Y(100 * point.Accuracy), 3.5, ColorOf(point));
    }

    private static Color ColorOf(ReliabilityPoint point) => point.Rows >= FewAnswers ? Palette.Series(0) : Palette.Faint;
}
