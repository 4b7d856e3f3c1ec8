using System.Globalization;
using System.Text;

namespace Microsoft.ML.Moka.Drawing;

/// <summary>A colour.</summary>
/// <param name="Light">On light pages.</param>
/// <param name="Class">What the style sheet calls it where it is another on dark pages.</param>
internal readonly record struct Color(string Light, string? Class = null);

/// <summary>The colours of all pictures: readable on white and on near black, and told apart with common forms of colour blindness.</summary>
internal static class Palette
{
    private static readonly (string Light, string Dark)[] SeriesColors =
    [
        ("#0969da", "#58a6ff"), ("#bc4c00", "#f0883e"), ("#1a7f37", "#3fb950"), ("#8250df", "#bc8cff"), ("#57606a", "#9ea7b3"),
        ("#bf3989", "#f778ba"), ("#1b7c83", "#39c5cf"), ("#9a6700", "#d29922"), ("#cf222e", "#ff7b72"), ("#0a3069", "#a5d6ff"),
    ];

    /// <summary>Viridis in nine steps: even in brightness, from dark to light.</summary>
    private static readonly (int R, int G, int B)[] Scale =
    [
        (68, 1, 84), (71, 45, 123), (59, 82, 139), (44, 114, 142), (33, 145, 140), (40, 174, 128), (94, 201, 98), (173, 220, 48), (253, 231, 37),
    ];

    public static Color Background { get; } = new("#ffffff", "background");

    public static Color Ink { get; } = new("#24292f", "ink");

    public static Color Faint { get; } = new("#57606a", "faint");

    public static Color Grid { get; } = new("#d8dee4", "grid");

    /// <summary>Behind every second row.</summary>
    public static Color Band { get; } = new("#f6f8fa", "band");

    /// <summary>
    /// What pages that are dark change. Every rule names a class of these pictures: the style sheet of an inline picture holds for its whole page.
    /// </summary>
    public static string DarkStyle { get; } = MakeDarkStyle();

    public static Color Series(int index) => new(SeriesColors[index % SeriesColors.Length].Light, $"s{index % SeriesColors.Length}");

    /// <summary>The colour of a value from 0 to 1.</summary>
    public static Color OfShare(double share)
    {
        var position = Math.Clamp(double.IsNaN(share) ? 0 : share, 0, 1) * (Scale.Length - 1);
        var index = Math.Min((int)position, Scale.Length - 2);
        var (low, high, rest) = (Scale[index], Scale[index + 1], position - index);
        return new Color(string.Create(CultureInfo.InvariantCulture, $"#{Mix(low.R, high.R):x2}{Mix(low.G, high.G):x2}{Mix(low.B, high.B):x2}"));

        int Mix(int a, int b) => (int)Math.Round(a + (b - a) * rest);
    }

    /// <summary>Text on the colour of a value from 0 to 1, the same on light and dark pages.</summary>
    public static Color InkOnShare(double share) => new(share > 0.55 ? "#000000" : "#ffffff");

    private static string MakeDarkStyle()
    {
        var rules = new StringBuilder("@media (prefers-color-scheme: dark) {");
        foreach (var (name, color) in new[] { ("background", "#0d1117"), ("ink", "#e6edf3"), ("faint", "#9ea7b3"), ("grid", "#30363d"), ("band", "#161b22") })
            Add(name, color);
        for (var i = 0; i < SeriesColors.Length; i++)
            Add($"s{i}", SeriesColors[i].Dark);
        return rules.Append(" }").ToString();

        void Add(string name, string color) => rules
            .Append(CultureInfo.InvariantCulture, $" rect.moka-{name}, text.moka-{name}, circle.moka-{name}, polygon.moka-{name} {{ fill: {color}; }}")
            .Append(CultureInfo.InvariantCulture, $" line.moka-{name}, path.moka-{name} {{ stroke: {color}; }}");
    }
}
