using System.Text;

namespace Microsoft.ML.Moka.Tests.Text;

/// <summary>Byte pair encoding word for word as its definition has it: merge the pair of least rank, the first of equals, until there is none.</summary>
internal static class NaivePairMerging
{
    public static IEnumerable<int> Encode(IEnumerable<string> symbols, Func<string, int?> rank) => Merge(symbols, rank).Select(part => rank(part)!.Value);

    public static List<string> Merge(IEnumerable<string> symbols, Func<string, int?> rank)
    {
        var parts = symbols.ToList();
        while (true)
        {
            var (best, place) = (int.MaxValue, -1);
            for (var i = 0; i + 1 < parts.Count; i++)
            {
                if (rank(parts[i] + parts[i + 1]) is { } candidate && candidate < best)
                    (best, place) = (candidate, i);
            }
            if (place < 0)
                return parts;
            parts[place] += parts[place + 1];
            parts.RemoveAt(place + 1);
        }
    }

    /// <summary>A text's bytes, each as a character of Latin-1.</summary>
    public static string Bytes(string text) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));
}
