using System.Globalization;

namespace Microsoft.ML.Moka.Cli;

/// <summary>Spans of time for people.</summary>
internal static class Durations
{
    private static readonly Dictionary<char, double> SecondsOf = new() { ['s'] = 1, ['m'] = 60, ['h'] = 3600, ['d'] = 86400 };

    /// <summary>"90s", "30m", "1.5h", "2d", or hours, minutes and seconds: "00:30:00"; null for anything else.</summary>
    public static TimeSpan? Parse(string text) =>
        text.Length > 1 && SecondsOf.TryGetValue(text[^1], out var unit)
            && double.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var count)
            && count > 0 && count * unit < int.MaxValue / 1000.0
            ? TimeSpan.FromSeconds(count * unit)
            : text.Contains(':', StringComparison.Ordinal) && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var span) && span > TimeSpan.Zero
                ? span
                : null;

    public static string Of(TimeSpan span) => span.TotalHours < 1
        ? span.ToString("mm\\:ss", CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(span.TotalHours):0}:{span:mm\\:ss}");
}
