namespace Microsoft.ML.Moka.Evaluation;

/// <summary>Names of models and protocols as parts of file names.</summary>
internal static class PlainName
{
    /// <summary>Letters, digits, dots and underscores, with a hyphen for what lies between.</summary>
    public static string Of(string name) => string.Join('-', name.Split(
        [.. name.Where(c => !char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-'))], StringSplitOptions.RemoveEmptyEntries));
}
