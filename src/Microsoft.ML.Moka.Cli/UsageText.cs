using System.Text.RegularExpressions;

namespace Microsoft.ML.Moka.Cli;

/// <summary>What the parser of the command line says, without the types that only programmers know.</summary>
internal static partial class UsageText
{
    public static string Of(string message)
    {
        var match = WrongType().Match(message);
        if (!match.Success)
            return message;
        var type = match.Groups["type"].Value;
        var expected = type switch
        {
            _ when type.Contains("Int", StringComparison.Ordinal) => "a whole number",
            _ when type.Contains("Single", StringComparison.Ordinal) || type.Contains("Double", StringComparison.Ordinal) => "a number",
            _ when type.Contains(nameof(BackboneQuantization), StringComparison.Ordinal) => string.Join(", ", Enum.GetNames<BackboneQuantization>()),
            _ when type.Contains(nameof(MokaPrecision), StringComparison.Ordinal) => string.Join(", ", Enum.GetNames<MokaPrecision>()),
            _ => "another kind of value",
        };
        return $"{match.Groups["option"].Value} is '{match.Groups["value"].Value}'; it takes {expected}.";
    }

    [GeneratedRegex("^Cannot parse argument '(?<value>.*)' for option '(?<option>.*)' as expected type '(?<type>.*)'", RegexOptions.Singleline)]
    private static partial Regex WrongType();
}
