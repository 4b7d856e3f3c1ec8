using System.Globalization;
using System.Numerics;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>Numbers in the forms that % and format ask for.</summary>
internal static class NumberFormat
{
    private const int MaximumPrecision = 400;

    /// <summary>A float without its sign, as f, e, g or % writes it.</summary>
    public static string OfFloat(double value, char kind, int precision, bool keepsZeros)
    {
        if (precision > MaximumPrecision)
            throw new EvaluationException($"a number is asked for with more than {MaximumPrecision} digits, the limit of a chat template");
        value = Math.Abs(value);
        var isUpper = char.IsUpper(kind);
        var text = !double.IsFinite(value) ? NumberText.Write(value) : char.ToLowerInvariant(kind) switch
        {
            'f' => value.ToString($"F{precision}", CultureInfo.InvariantCulture),
            '%' => (value * 100).ToString($"F{precision}", CultureInfo.InvariantCulture) + "%",
            'e' => Scientific(value, precision),
            _ => General(value, precision == 0 ? 1 : precision, keepsZeros),
        };
        return isUpper ? text.ToUpperInvariant() : text;
    }

    /// <summary>A whole number without its sign.</summary>
    public static string OfInteger(BigInteger value, char kind)
    {
        value = BigInteger.Abs(value);
        return kind switch
        {
            'x' => Radix(value, 16),
            'X' => Radix(value, 16).ToUpperInvariant(),
            'o' => Radix(value, 8),
            'b' => Radix(value, 2),
            _ => value.ToString(CultureInfo.InvariantCulture),
        };
    }

    /// <summary>Commas or underlines between groups of digits.</summary>
    public static string Grouped(string number, char separator)
    {
        var end = number.AsSpan().IndexOfAnyExceptInRange('0', '9');
        var (whole, rest) = end < 0 ? (number, "") : (number[..end], number[end..]);
        for (var i = whole.Length - 3; i > 0; i -= 3)
            whole = whole.Insert(i, separator.ToString());
        return whole + rest;
    }

    private static string Radix(BigInteger value, int radix)
    {
        if (value.IsZero)
            return "0";
        var digits = new Stack<char>();
        for (; !value.IsZero; value /= radix)
            digits.Push("0123456789abcdef"[(int)(value % radix)]);
        return string.Concat(digits);
    }

    private static string Scientific(double value, int precision)
    {
        var parts = value.ToString($"E{precision}", CultureInfo.InvariantCulture).Split('E');
        var exponent = int.Parse(parts[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        return string.Create(CultureInfo.InvariantCulture, $"{parts[0]}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");
    }

    private static string General(double value, int precision, bool keepsZeros)
    {
        var scientific = Scientific(value, precision - 1);
        var exponent =
            int.Parse(scientific.AsSpan(scientific.IndexOf('e', StringComparison.Ordinal) + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        if (exponent < -4 || exponent >= precision)
        {
            var parts = scientific.Split('e');
            return $"{(keepsZeros ? parts[0] : WithoutZeros(parts[0]))}e{parts[1]}";
        }
        var plain = value.ToString($"F{Math.Max(precision - 1 - exponent, 0)}", CultureInfo.InvariantCulture);
        return keepsZeros ? plain : WithoutZeros(plain);
    }

    private static string WithoutZeros(string number) => number.Contains('.', StringComparison.Ordinal) ? number.TrimEnd('0').TrimEnd('.') : number;
}
