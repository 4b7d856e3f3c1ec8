using System.Globalization;

namespace Microsoft.ML.Moka.Cli;

/// <summary>Spans of time for people.</summary>
internal static class Durations
{
    public static string Of(TimeSpan span) => span.TotalHours < 1
        ? span.ToString("mm\\:ss", CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(span.TotalHours):0}:{span:mm\\:ss}");
}
