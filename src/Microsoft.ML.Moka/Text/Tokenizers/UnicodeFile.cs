using System.Globalization;

namespace Microsoft.ML.Moka.Text.Tokenizers;

/// <summary>The lines of <c>Unicode.txt</c>: facts that .NET has not, or has only where ICU is there.</summary>
internal static class UnicodeFile
{
    private const string Resource = "Microsoft.ML.Moka.Text.Tokenizers.Unicode.txt";

    /// <summary>What follows a keyword, word by word, of each of its lines.</summary>
    public static IEnumerable<string[]> Lines(string keyword)
    {
        using var stream = typeof(UnicodeFile).Assembly.GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"The assembly lacks {Resource}.");
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith(keyword, StringComparison.Ordinal) && line[keyword.Length] == ' ')
                yield return line[(keyword.Length + 1)..].Split(' ');
        }
    }

    public static int CodePoint(ReadOnlySpan<char> text) => int.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    /// <summary>"2E80-2E99", or a code point by itself.</summary>
    public static (int First, int Last) Range(string text)
    {
        var dash = text.IndexOf('-');
        return dash < 0 ? (CodePoint(text), CodePoint(text)) : (CodePoint(text.AsSpan(0, dash)), CodePoint(text.AsSpan(dash + 1)));
    }
}
