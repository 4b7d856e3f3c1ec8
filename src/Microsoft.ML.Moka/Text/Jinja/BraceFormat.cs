using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>"format {}".format(values).</summary>
internal static partial class BraceFormat
{
    public static TracedText Apply(TracedText format, Arguments arguments)
    {
        var result = new TracedTextBuilder();
        var text = format.Value;
        var next = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] is not ('{' or '}'))
            {
                result.Add(text[i], format.OriginAt(i));
                continue;
            }
            if (i + 1 < text.Length && text[i + 1] == text[i])
            {
                result.Add(text[i], format.OriginAt(i));
                i++;
                continue;
            }
            var close = text[i] == '{' ? text.IndexOf('}', i) : -1;
            if (close < 0)
                throw new EvaluationException($"Single '{text[i]}' encountered in format string");
            var field = text[(i + 1)..close];
            if (field.Contains('{', StringComparison.Ordinal))
                throw new EvaluationException("a format field inside of another one is not supported in chat templates here");
            var colon = field.IndexOf(':', StringComparison.Ordinal);
            var spec = colon >= 0 ? field[(colon + 1)..] : "";
            var name = colon >= 0 ? field[..colon] : field;
            var conversion = name.Length > 1 && name[^2] == '!' ? name[^1] : ' ';
            if (conversion != ' ')
                name = name[..^2];
            var value = ValueOf(name, arguments, ref next);
            value = conversion switch
            {
                ' ' => value,
                's' => PythonText.Str(value),
                'r' => PythonText.Repr(value),
                _ => throw new EvaluationException($"Unknown conversion specifier '{conversion}'"),
            };
            result.Add(Formatted(value, spec));
            i = close;
        }
        return result.ToText();
    }

    private static object? ValueOf(string field, Arguments arguments, ref int next)
    {
        var match = Field().Match(field);
        if (!match.Success)
            throw new EvaluationException($"the format field '{field}' is not supported in chat templates here");
        var first = match.Groups["first"].Value;
        object? value;
        if (first.Length == 0 || int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            var index = first.Length == 0 ? next++ : int.Parse(first, CultureInfo.InvariantCulture);
            value = index < arguments.Positional.Count ? arguments.Positional[index]
                : throw new EvaluationException($"Replacement index {index} out of range for positional args tuple");
        }
        else
        {
            var found = arguments.Named.Where(named => named.Key == first).ToList();
            value = found.Count > 0 ? found[0].Value : throw new EvaluationException($"'{first}'");
        }
        foreach (Capture step in match.Groups["step"].Captures)
        {
            value = step.Value[0] == '.' ? Access.Attribute(value, step.Value[1..])
                : Access.Item(value, NumberText.ReadInteger(step.Value[1..^1], 10) is { } number ? number : new TracedText(step.Value[1..^1]));
        }
        return value;
    }

    private static TracedText Formatted(object? value, string spec)
    {
        if (spec.Length == 0)
            return PythonText.Str(value);
        var match = Spec().Match(spec);
        if (!match.Success)
            throw new EvaluationException($"Invalid format specifier '{spec}' for object of type '{Types.NameOf(value)}'");
        var kind = match.Groups["kind"].Value is { Length: 1 } letter ? letter[0] : ' ';
        var precision = match.Groups["precision"].Success ? Limited(match.Groups["precision"].Value) : -1;
        var number = PythonComparer.Number(value);
        TracedText body;
        if (number is null || value is bool && kind is ' ' or 's')
        {
            if (kind is not (' ' or 's'))
                throw new EvaluationException($"Unknown format code '{kind}' for object of type '{Types.NameOf(value)}'");
            body = PythonText.Str(value);
            body = precision >= 0 && precision < body.CharacterCount ? body.Part(0, body.UnitOf(precision)) : body;
        }
        else
        {
            body = FormattedNumber(number, kind, precision, match);
        }
        var width = match.Groups["width"].Success ? Limited(match.Groups["width"].Value) : 0;
        var fill = match.Groups["fill"].Success ? match.Groups["fill"].Value : match.Groups["zero"].Success ? "0" : " ";
        var align = match.Groups["align"].Success ? match.Groups["align"].Value : match.Groups["zero"].Success ? "=" : number is null ? "<" : ">";
        return align switch
        {
            "<" => TextParts.Pad("ljust", body, width, fill),
            "^" => new TracedTextBuilder()
                .Repeat(fill, (width - body.CharacterCount) / 2).Add(body).Repeat(fill, (width - body.CharacterCount + 1) / 2).ToText(),
            "=" when fill == "0" => TextParts.ZeroFill(body, width),
            _ => TextParts.Pad("rjust", body, width, fill),
        };
    }

    private static TracedText FormattedNumber(object number, char kind, int precision, Match match)
    {
        var isNegative = number is BigInteger whole ? whole.Sign < 0 : double.IsNegative((double)number);
        string digits;
        if (number is BigInteger integer && kind is ' ' or 'd' or 'x' or 'X' or 'o' or 'b' or 'n')
            digits = NumberFormat.OfInteger((BigInteger)number, kind);
        else if (kind is 'f' or 'F' or 'e' or 'E' or 'g' or 'G' or '%' || precision >= 0)
            digits = OfFloat(number is BigInteger i ? (double)i : (double)number, kind == ' ' ? 'g' : kind, precision);
        else if (kind == ' ')
            digits = NumberText.Write(Math.Abs((double)number));
        else
            throw new EvaluationException($"Unknown format code '{kind}' for object of type '{Types.NameOf(number)}'");
        if (match.Groups["group"].Success)
            digits = NumberFormat.Grouped(digits, match.Groups["group"].Value[0]);
        return (isNegative ? "-" : match.Groups["sign"].Value is "+" or " " ? match.Groups["sign"].Value : "") + digits;
    }

    private static string OfFloat(double number, char kind, int precision) =>
        NumberFormat.OfFloat(number, kind, precision < 0 ? 6 : precision, keepsZeros: false);

    private static int Limited(string digits) =>
        int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= Limits.TextLength
        ? number
        : throw new EvaluationException("Too many decimal digits in format string");

    [GeneratedRegex(@"^(?<first>\w*)(?<step>\.\w+|\[[^\]]+\])*$", RegexOptions.CultureInvariant)]
    private static partial Regex Field();

    [GeneratedRegex(
        @"^(?:(?<fill>.)?(?<align>[<>=^]))?(?<sign>[-+ ])?(?<zero>0)?(?<width>[0-9]+)?(?<group>[,_])?(?:\.(?<precision>[0-9]+))?(?<kind>[a-zA-Z%])?$",
        RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex Spec();
}
