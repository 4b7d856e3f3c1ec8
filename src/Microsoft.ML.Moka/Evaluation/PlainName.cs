namespace Microsoft.ML.Moka.Evaluation;

/// <summary>Names of models and protocols as parts of file names.</summary>
internal static class PlainName
{
    // File systems take names of 255 bytes; a file has two of these.
    private const int Longest = 80;

    /// <summary>Letters, digits, dots and underscores, with a hyphen for what lies between; the first ones of a long name.</summary>
    public static string Of(string name)
    {
        var plain = string.Join('-', name.Split(
            [.. name.Where(c => !char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-'))], StringSplitOptions.RemoveEmptyEntries));
        return plain.Length <= Longest ? plain : plain[..Longest];
    }
}
