namespace Microsoft.ML.Moka.Drawing;

/// <summary>Places pictures of one size in rows.</summary>
/// <param name="Count">How many.</param>
/// <param name="Width">Of each, pixels.</param>
/// <param name="Height">Of each, pixels.</param>
internal sealed record Panels(int Count, double Width, double Height)
{
    private const double Title = 44;
    private const double PageWidth = 1000;

    public int Columns { get; } = Math.Clamp((int)(PageWidth / Width), 1, Count);

    public double TotalWidth => Columns * Width;

    public double TotalHeight => Title + (Count + Columns - 1) / Columns * Height;

    public (double X, double Y) At(int index) => (index % Columns * Width, Title + index / Columns * Height);
}
