using System.Globalization;
using System.Text;
using System.Xml.Linq;

namespace Microsoft.ML.Moka.Drawing;

/// <summary>
/// A picture as SVG text that stands alone: colours for light and for dark pages inside, no scripts, no fonts of its own. Coordinates are pixels.
/// </summary>
internal sealed class SvgDocument
{
    public const int FontSize = 12;

    /// <summary>The width of a character, on average; fonts differ, so texts get room to spare.</summary>
    private const double CharacterWidth = 0.58;

    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    private readonly double _width;
    private readonly double _height;
    private readonly XElement _root;

    /// <param name="width">Pixels.</param>
    /// <param name="height">Pixels.</param>
    /// <param name="title">What the picture is called; written at the top.</param>
    /// <param name="description">What it shows, for readers who do not see it.</param>
    public SvgDocument(double width, double height, string title, string description)
    {
        (_width, _height) = (width, height);
        _root = new XElement(
            Svg + "svg",
            new XAttribute("viewBox", $"0 0 {Number(width)} {Number(height)}"),
            new XAttribute("width", Number(width)),
            new XAttribute("height", Number(height)),
            new XAttribute("role", "img"),
            new XAttribute("class", "moka"),
            new XAttribute("style", "max-width:100%;height:auto"),
            new XAttribute("font-family", "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"),
            new XAttribute("font-size", FontSize),
            new XElement(Svg + "title", Clean(title)),
            new XElement(Svg + "desc", Clean(description)),
            new XElement(Svg + "style", Palette.DarkStyle));
        Rectangle(0, 0, width, height, Palette.Background);
        Text(width / 2, 24, title, Palette.Ink, Anchor.Middle, size: 15, bold: true);
    }

    public static double WidthOf(string text, double size = FontSize) => text.Length * size * CharacterWidth;

    public void Rectangle(double x, double y, double width, double height, Color fill, string? tip = null) =>
        Add("rect", fill, "fill", tip, ("x", x), ("y", y), ("width", width), ("height", height));

    public void Line(double x1, double y1, double x2, double y2, Color stroke, double width = 1, string? dashes = null)
    {
        var element = Add("line", stroke, "stroke", null, ("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2), ("stroke-width", width));
        if (dashes is not null)
            element.Add(new XAttribute("stroke-dasharray", dashes));
    }

    public void Path(IEnumerable<(double X, double Y)> points, Color stroke, double width = 2)
    {
        var d = new StringBuilder();
        foreach (var (x, y) in points)
            d.Append(d.Length == 0 ? "M" : " L").Append(Number(x)).Append(' ').Append(Number(y));
        var element = Add("path", stroke, "stroke", null, ("stroke-width", width));
        element.Add(new XAttribute("d", d.ToString()), new XAttribute("fill", "none"), new XAttribute("stroke-linejoin", "round"));
    }

    /// <summary>A mark whose form, like its colour, tells its series.</summary>
    public void Marker(double x, double y, int series, double size = 4, string? tip = null)
    {
        var color = Palette.Series(series);
        var corners = (series % 5) switch
        {
            1 => Polygon(4, Math.PI / 4),
            2 => Polygon(3, -Math.PI / 2),
            3 => Polygon(4, 0),
            4 => Polygon(3, Math.PI / 2),
            _ => null,
        };
        if (corners is null)
            Add("circle", color, "fill", tip, ("cx", x), ("cy", y), ("r", size));
        else
            Add("polygon", color, "fill", tip).Add(new XAttribute("points", string.Join(' ', corners.Select(c => $"{Number(c.X)},{Number(c.Y)}"))));

        IEnumerable<(double X, double Y)> Polygon(int count, double turn) => Enumerable.Range(0, count)
            .Select(i => turn + 2 * Math.PI * i / count)
            .Select(angle => (x + 1.3 * size * Math.Cos(angle), y + 1.3 * size * Math.Sin(angle)));
    }

    public void Dot(double x, double y, double radius, Color fill) => Add("circle", fill, "fill", null, ("cx", x), ("cy", y), ("r", radius));

    public void Text(double x, double y, string text, Color fill, Anchor anchor = Anchor.Start, double size = FontSize, bool bold = false, bool upright = false)
    {
        var element = Add("text", fill, "fill", null, ("x", x), ("y", y));
        element.Add(new XText(Clean(text)));
        if (anchor != Anchor.Start)
            element.Add(new XAttribute("text-anchor", anchor == Anchor.Middle ? "middle" : "end"));
        if (size != FontSize)
            element.Add(new XAttribute("font-size", Number(size)));
        if (bold)
            element.Add(new XAttribute("font-weight", "600"));
        if (upright)
            element.Add(new XAttribute("transform", $"rotate(-90 {Number(x)} {Number(y)})"));
    }

    public override string ToString() => _root.ToString();

    private static string Number(double value) => double.IsFinite(value)
        ? Math.Round(value, 2).ToString(CultureInfo.InvariantCulture)
        : throw new ArgumentException("A coordinate of a picture is not a finite number.", nameof(value));

    /// <summary>Names of users may hold characters that XML does not allow.</summary>
    private static string Clean(string text) => string.Concat(text.Where(System.Xml.XmlConvert.IsXmlChar));

    private XElement Add(string name, Color color, string attribute, string? tip, params ReadOnlySpan<(string Name, double Value)> numbers)
    {
        var element = new XElement(Svg + name, new XAttribute(attribute, color.Light));
        if (color.Class is not null)
            element.Add(new XAttribute("class", $"moka-{color.Class}"));
        foreach (var (key, value) in numbers)
            element.Add(new XAttribute(key, Number(value)));
        if (tip is not null)
            element.Add(new XElement(Svg + "title", Clean(tip)));
        _root.Add(element);
        return element;
    }
}

/// <summary>Which part of a text stands at its coordinates.</summary>
internal enum Anchor
{
    Start,
    Middle,
    End,
}
