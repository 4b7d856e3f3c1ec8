using System.Globalization;
using System.Text;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>Times as Python's strftime writes them in the C locale.</summary>
internal static class TimeText
{
    public static string Format(string format, DateTimeOffset time)
    {
        var text = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }
            var c = format[++i];
            // "%-d": without zeros before it.
            var isShort = c == '-' && i + 1 < format.Length;
            if (isShort)
                c = format[++i];
            var part = Part(c, time);
            text.Append(isShort && part.Length > 1 && char.IsAsciiDigit(part[0]) ? part.TrimStart('0') is { Length: > 0 } trimmed ? trimmed : "0" : part);
        }
        return text.ToString();
    }

    private static string Part(char c, DateTimeOffset time) => c switch
    {
        'Y' => time.ToString("yyyy", CultureInfo.InvariantCulture),
        'y' => time.ToString("yy", CultureInfo.InvariantCulture),
        'm' => time.ToString("MM", CultureInfo.InvariantCulture),
        'd' => time.ToString("dd", CultureInfo.InvariantCulture),
        'e' => time.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2),
        'H' => time.ToString("HH", CultureInfo.InvariantCulture),
        'k' => time.Hour.ToString(CultureInfo.InvariantCulture).PadLeft(2),
        'I' => time.ToString("hh", CultureInfo.InvariantCulture),
        'l' => (time.Hour % 12 is 0 ? 12 : time.Hour % 12).ToString(CultureInfo.InvariantCulture).PadLeft(2),
        'M' => time.ToString("mm", CultureInfo.InvariantCulture),
        'S' => time.ToString("ss", CultureInfo.InvariantCulture),
        'f' => time.ToString("ffffff", CultureInfo.InvariantCulture),
        'p' => time.Hour < 12 ? "AM" : "PM",
        'P' => time.Hour < 12 ? "am" : "pm",
        'a' => time.ToString("ddd", CultureInfo.InvariantCulture),
        'A' => time.ToString("dddd", CultureInfo.InvariantCulture),
        'b' or 'h' => time.ToString("MMM", CultureInfo.InvariantCulture),
        'B' => time.ToString("MMMM", CultureInfo.InvariantCulture),
        'C' => (time.Year / 100).ToString("00", CultureInfo.InvariantCulture),
        'c' => $"{Part('a', time)} {Part('b', time)} {Part('e', time)} {Part('T', time)} {Part('Y', time)}",
        'x' or 'D' => time.ToString("MM/dd/yy", CultureInfo.InvariantCulture),
        'X' or 'T' => time.ToString("HH:mm:ss", CultureInfo.InvariantCulture),
        'R' => time.ToString("HH:mm", CultureInfo.InvariantCulture),
        'r' => time.ToString("hh:mm:ss ", CultureInfo.InvariantCulture) + (time.Hour < 12 ? "AM" : "PM"),
        'F' => time.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        'j' => time.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
        'u' => (time.DayOfWeek == 0 ? 7 : (int)time.DayOfWeek).ToString(CultureInfo.InvariantCulture),
        'w' => ((int)time.DayOfWeek).ToString(CultureInfo.InvariantCulture),
        'U' => ((time.DayOfYear + 6 - (int)time.DayOfWeek) / 7).ToString("00", CultureInfo.InvariantCulture),
        'W' => ((time.DayOfYear + 6 - ((int)time.DayOfWeek + 6) % 7) / 7).ToString("00", CultureInfo.InvariantCulture),
        'V' => ISOWeek.GetWeekOfYear(time.DateTime).ToString("00", CultureInfo.InvariantCulture),
        'G' => ISOWeek.GetYear(time.DateTime).ToString("0000", CultureInfo.InvariantCulture),
        's' => time.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
        'n' => "\n",
        't' => "\t",
        '%' => "%",
        // transformers asks for the time without a zone.
        'z' or 'Z' => "",
        _ => throw new EvaluationException($"the format '%{c}' of strftime_now is not supported"),
    };
}
