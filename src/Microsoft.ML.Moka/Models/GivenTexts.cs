namespace Microsoft.ML.Moka.Models;

/// <summary>Texts that somebody hands over.</summary>
internal static class GivenTexts
{
    /// <exception cref="ArgumentException">One is null.</exception>
    public static string[] Of(IEnumerable<string> texts, string parameter)
    {
        string[] all = [.. texts];
        return Array.IndexOf(all, null) is >= 0 and var missing
            ? throw new ArgumentException($"Text {missing + 1} of {all.Length} is null: give an empty text where there is none.", parameter)
            : all;
    }
}
