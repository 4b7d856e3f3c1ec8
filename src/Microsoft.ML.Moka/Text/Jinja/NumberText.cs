using System.Globalization;
using System.Numerics;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>Numbers as Python writes and reads them.</summary>
internal static class NumberText
{
    /// <summary>How long the number is that begins at a place of a template, and whether it is a float.</summary>
    public static (int Length, bool IsFloat) Measure(string text, int start, bool afterDot)
    {
        if (text[start] == '0' && start + 1 < text.Length && char.ToLowerInvariant(text[start + 1]) is 'x' or 'o' or 'b')
        {
            var last = start + 2;
            while (last < text.Length && (char.IsAsciiHexDigit(text[last]) || text[last] == '_'))
                last++;
            return (last - start, false);
        }
        var end = Digits(text, start);
        if (afterDot)
            return (end - start, false);
        var isFloat = false;
        if (end + 1 < text.Length && text[end] == '.' && char.IsAsciiDigit(text[end + 1]))
            (end, isFloat) = (Digits(text, end + 1), true);
        if (end < text.Length && text[end] is 'e' or 'E')
        {
            var sign = end + 1 < text.Length && text[end + 1] is '+' or '-' ? 1 : 0;
            if (end + 1 + sign < text.Length && char.IsAsciiDigit(text[end + 1 + sign]))
                (end, isFloat) = (Digits(text, end + 1 + sign), true);
        }
        return (end - start, isFloat);
    }

    private static int Digits(string text, int at)
    {
        while (at < text.Length && (char.IsAsciiDigit(text[at]) || (text[at] == '_' && at + 1 < text.Length && char.IsAsciiDigit(text[at + 1]))))
            at++;
        return at;
    }

    /// <summary>A whole number of a template, or of <c>int</c>.</summary>
    /// <param name="text">Digits, with a sign and blanks around it.</param>
    /// <param name="radix">2 to 36; 0 takes it from a prefix.</param>
    public static BigInteger? ReadInteger(string text, int radix)
    {
        var digits = text.Trim(PythonCharacters.Blanks);
        var isNegative = digits.StartsWith('-');
        if (isNegative || digits.StartsWith('+'))
            digits = digits[1..];
        var prefix = digits.Length > 2 && digits[0] == '0' ? char.ToLowerInvariant(digits[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 0 } : 0;
        if (prefix > 0 && (radix == 0 || radix == prefix))
            (digits, radix) = (digits[2..], prefix);
        if (radix == 0)
            radix = 10;
        if (digits.Length == 0 || digits.Length > 1200 || digits[0] == '_' || digits[^1] == '_')
            return null;
        var value = BigInteger.Zero;
        foreach (var c in digits)
        {
            if (c == '_')
                continue;
            var digit = char.IsAsciiDigit(c) ? c - '0' : char.IsAsciiLetter(c) ? char.ToLowerInvariant(c) - 'a' + 10 : char.IsDigit(c)
                ? (int)char.GetNumericValue(c) : 99;
            if (digit >= radix)
                return null;
            value = value * radix + digit;
        }
        return isNegative ? -value : value;
    }

    public static double? ReadFloat(string text)
    {
        var digits = text.Trim(PythonCharacters.Blanks).Replace("_", "", StringComparison.Ordinal);
        return digits.TrimStart('+', '-').ToLowerInvariant() switch
        {
            "inf" or "infinity" => digits.StartsWith('-') ? double.NegativeInfinity : double.PositiveInfinity,
            "nan" => double.NaN,
            _ => double.TryParse(digits, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent,
                CultureInfo.InvariantCulture, out var value) ? value : null,
        };
    }

    /// <summary>repr of a float: the shortest digits that are this number, 1e+16 and 1e-05 with an exponent.</summary>
    public static string Write(double value)
    {
        if (double.IsNaN(value))
            return "nan";
        if (double.IsInfinity(value))
            return value > 0 ? "inf" : "-inf";
        if (value == 0)
            return double.IsNegative(value) ? "-0.0" : "0.0";
        var (sign, digits, exponent) = Parts(value);
        if (exponent is < -4 or >= 16)
        {
            var fraction = digits.Length > 1 ? $".{digits[1..]}" : "";
            return string.Create(CultureInfo.InvariantCulture, $"{sign}{digits[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");
        }
        if (exponent < 0)
            return $"{sign}0.{new string('0', -exponent - 1)}{digits}";
        return digits.Length <= exponent + 1 ? $"{sign}{digits.PadRight(exponent + 1, '0')}.0" : $"{sign}{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
    }

    // The number as d1.d2d3… · 10^exponent, digits without zeros at the end.
    private static (string Sign, string Digits, int Exponent) Parts(double value)
    {
        var parts = Math.Abs(value).ToString("R", CultureInfo.InvariantCulture).Split('E');
        var exponent = parts.Length > 1 ? int.Parse(parts[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) : 0;
        var point = parts[0].IndexOf('.', StringComparison.Ordinal);
        var digits = parts[0].Replace(".", "", StringComparison.Ordinal);
        var zeros = digits.Length - digits.TrimStart('0').Length;
        return (value < 0 ? "-" : "", digits.Trim('0'), exponent + (point < 0 ? digits.Length : point) - 1 - zeros);
    }
}
