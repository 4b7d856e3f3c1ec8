using System.Globalization;
using System.Numerics;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>"format" % values.</summary>
internal static class PercentFormat
{
    public static TracedText Apply(TracedText format, object? values)
    {
        var result = new TracedTextBuilder();
        var positional = values is PythonTuple tuple ? tuple.Items : [values];
        var next = 0;
        var text = format.Value;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '%')
            {
                result.Add(text[i], format.OriginAt(i));
                continue;
            }
            var origin = format.OriginAt(i++);
            object? named = null;
            var isNamed = i < text.Length && text[i] == '(';
            if (isNamed)
            {
                var close = text.IndexOf(')', i);
                if (close < 0)
                    throw new EvaluationException("incomplete format key");
                if (values is not PythonDictionary dictionary)
                    throw new EvaluationException("format requires a mapping");
                var key = text[(i + 1)..close];
                if (!dictionary.TryGet(new TracedText(key), out named))
                    throw new EvaluationException($"'{key}'");
                i = close + 1;
            }
            var flags = "";
            while (i < text.Length && text[i] is '-' or '+' or ' ' or '0' or '#')
                flags += text[i++];
            var width = Number(-1);
            if (width < -1)
                (flags, width) = (flags + "-", -width);
            var precision = -1;
            if (i < text.Length && text[i] == '.')
            {
                i++;
                precision = Number(0);
            }
            if (i >= text.Length)
                throw new EvaluationException("incomplete format");
            var kind = text[i];
            if (kind == '%')
            {
                result.Add('%', origin);
                continue;
            }
            var part = Part(kind, isNamed ? named : Take(), flags, precision);
            var isNumber = kind is not ('s' or 'r' or 'a' or 'c');
            result.Add(width <= part.CharacterCount ? part
                : flags.Contains('-', StringComparison.Ordinal) ? TextParts.Pad("ljust", part, width, " ")
                : flags.Contains('0', StringComparison.Ordinal) && isNumber ? TextParts.ZeroFill(part, width)
                : TextParts.Pad("rjust", part, width, " "));

            int Number(int missing)
            {
                if (i < text.Length && text[i] == '*')
                {
                    i++;
                    return Types.Integer(Take());
                }
                var number = 0;
                var hasDigits = false;
                for (; i < text.Length && char.IsAsciiDigit(text[i]) && number < Limits.TextLength; i++, hasDigits = true)
                    number = number * 10 + (text[i] - '0');
                return hasDigits ? number : missing;
            }
        }
        if (next < positional.Count && values is not (PythonDictionary or PythonSequence and not PythonTuple))
            throw new EvaluationException("not all arguments converted during string formatting");
        return result.ToText();

        object? Take() => next < positional.Count ? positional[next++] : throw new EvaluationException("not enough arguments for format string");
    }

    private static TracedText Part(char kind, object? value, string flags, int precision)
    {
        switch (kind)
        {
            case 's': return Cut(PythonText.Str(value));
            case 'r': return Cut(PythonText.Repr(value));
            case 'c':
                return value is TracedText { CharacterCount: 1 } one ? one : char.ConvertFromUtf32(Types.Integer(value));
            case 'd' or 'i' or 'u' or 'x' or 'X' or 'o':
                if (value is Undefined undefined)
                    throw undefined.Error();
                var whole = PythonComparer.Number(value) switch
                {
                    BigInteger integer => integer,
                    double number when kind is 'd' or 'i' or 'u' && double.IsFinite(number) => new BigInteger(number),
                    _ => throw new EvaluationException($"%{kind} format: a real number is required, not {Types.NameOf(value)}"),
                };
                var digits = NumberFormat.OfInteger(whole, kind);
                var prefix = flags.Contains('#', StringComparison.Ordinal) && kind is 'x' or 'X' or 'o' ? $"0{kind}" : "";
                return $"{Sign(whole.Sign < 0, flags)}{prefix}{(precision > digits.Length ? ZeroFilled(digits, precision) : digits)}";
            case 'f' or 'F' or 'e' or 'E' or 'g' or 'G':
                var real = PythonComparer.Number(value) switch
                {
                    BigInteger integer => (double)integer,
                    double number => number,
                    _ => throw (value is Undefined missing ? missing.Error() : new EvaluationException($"must be real number, not {Types.NameOf(value)}")),
                };
                var keepsZeros = flags.Contains('#', StringComparison.Ordinal);
                return Sign(double.IsNegative(real), flags) + NumberFormat.OfFloat(real, kind, precision < 0 ? 6 : precision, keepsZeros);
            default:
                throw new EvaluationException(string.Create(CultureInfo.InvariantCulture,
                    $"unsupported format character '{kind}' (0x{(int)kind:x}) in a % format"));
        }

        TracedText Cut(TracedText text) => precision >= 0 && precision < text.CharacterCount ? text.Part(0, text.UnitOf(precision)) : text;
    }

    private static string ZeroFilled(string digits, int width)
    {
        Limits.CheckText(width);
        return digits.PadLeft(width, '0');
    }

    private static string Sign(bool isNegative, string flags) =>
        isNegative ? "-" : flags.Contains('+', StringComparison.Ordinal) ? "+" : flags.Contains(' ', StringComparison.Ordinal) ? " " : "";
}
