using System.Globalization;
using System.Text;

namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>What stands between the quotes of a string, read as Python reads it.</summary>
internal static class StringEscapes
{
    /// <exception cref="FormatException">An escape is not complete, or not supported.</exception>
    public static string Read(string raw)
    {
        if (!raw.Contains('\\', StringComparison.Ordinal))
            return raw;
        var text = new StringBuilder(raw.Length);
        for (var i = 0; i < raw.Length; i++)
        {
            if (raw[i] != '\\' || i + 1 == raw.Length)
            {
                text.Append(raw[i]);
                continue;
            }
            var c = raw[++i];
            switch (c)
            {
                case '\n': break;
                case '\\' or '\'' or '"': text.Append(c); break;
                case 'a': text.Append('\a'); break;
                case 'b': text.Append('\b'); break;
                case 'f': text.Append('\f'); break;
                case 'n': text.Append('\n'); break;
                case 'r': text.Append('\r'); break;
                case 't': text.Append('\t'); break;
                case 'v': text.Append('\v'); break;
                case >= '0' and <= '7':
                    var octal = 0;
                    for (var digits = 0; digits < 3 && i < raw.Length && raw[i] is >= '0' and <= '7'; digits++, i++)
                        octal = octal * 8 + (raw[i] - '0');
                    i--;
                    text.Append((char)octal);
                    break;
                case 'x' or 'u' or 'U':
                    var length = c == 'x' ? 2 : c == 'u' ? 4 : 8;
                    if (i + length > raw.Length - 1
                        || !int.TryParse(raw.AsSpan(i + 1, length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)
                        || code is < 0 or > 0x10FFFF)
                        throw new FormatException($"the escape '\\{c}' in a string needs {length} hexadecimal digits of a character");
                    i += length;
                    _ = code < 0x10000 ? text.Append((char)code) : text.Append(char.ConvertFromUtf32(code));
                    break;
                case 'N':
                    throw new FormatException("the escape '\\N{…}' in a string is not supported: write the character itself");
                default: text.Append('\\').Append(c); break;
            }
        }
        return text.ToString();
    }
}
