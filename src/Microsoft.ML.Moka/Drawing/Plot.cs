namespace Microsoft.ML.Moka.Drawing;

/// <summary>The rectangle of a picture in which values are drawn, with its grid and axes.</summary>
/// <param name="Left">Pixels.</param>
/// <param name="Top">Pixels.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Horizontal">The axis below.</param>
/// <param name="Vertical">The axis on the left.</param>
internal sealed record Plot(double Left, double Top, double Width, double Height, Axis Horizontal, Axis Vertical)
{
    public double X(double value) => Left + Width * Horizontal.Share(value);

    public double Y(double value) => Top + Height * (1 - Vertical.Share(value));

    public void DrawAxes(SvgDocument svg, string horizontalTitle, string verticalTitle, Func<double, string>? verticalLabel = null)
    {
        foreach (var tick in Vertical.Ticks)
        {
            svg.Line(Left, Y(tick), Left + Width, Y(tick), Palette.Grid);
            svg.Text(Left - 8, Y(tick) + 4, (verticalLabel ?? Axis.Label)(tick), Palette.Faint, Anchor.End);
        }
        foreach (var tick in Horizontal.Ticks)
        {
            svg.Line(X(tick), Top + Height, X(tick), Top + Height + 5, Palette.Faint);
            svg.Text(X(tick), Top + Height + 19, Axis.Label(tick), Palette.Faint, Anchor.Middle);
        }
        svg.Line(Left, Top + Height, Left + Width, Top + Height, Palette.Faint);
        svg.Text(Left + Width / 2, Top + Height + 40, horizontalTitle, Palette.Ink, Anchor.Middle);
        svg.Text(20, Top + Height / 2, verticalTitle, Palette.Ink, Anchor.Middle, upright: true);
    }
}
