using System.Text;
using System.Text.RegularExpressions;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Pretraining;

/// <summary>Learns a byte-level BPE from texts: again and again the most frequent pair of neighbouring tokens becomes one token.</summary>
internal static partial class BytePairTrainer
{
    /// <summary>
    /// How a text falls into pieces before merging: LLaMA 3's expression, but every digit stands alone (the number of an answer is a token of its own).
    /// </summary>
    public const string PiecePattern =
        @"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>The merges, in order. Every different piece counts once, so that rare names become whole tokens like frequent words.</summary>
    /// <param name="texts">What to learn from.</param>
    /// <param name="mergeCount">How many merges to make at most.</param>
    public static IReadOnlyList<(string Left, string Right)> Train(IEnumerable<string> texts, int mergeCount)
    {
        var pieces = texts.SelectMany(text => PieceExpression().Matches(text).Select(match => match.Value))
            .Distinct()
            .Order(StringComparer.Ordinal)
            .Select(piece => Encoding.UTF8.GetBytes(piece).Select(value => ByteLevelAlphabet.Character(value).ToString()).ToList())
            .ToList();
        var merges = new List<(string Left, string Right)>();
        while (merges.Count < mergeCount)
        {
            var counts = new Dictionary<(string Left, string Right), int>();
            foreach (var piece in pieces)
                for (var i = 0; i + 1 < piece.Count; i++)
                    counts[(piece[i], piece[i + 1])] = counts.GetValueOrDefault((piece[i], piece[i + 1])) + 1;
            if (counts.Count == 0)
                break;
            // Of equally frequent pairs the first in ordinal order, so that the result is one.
            var best = counts.OrderByDescending(pair => pair.Value)
                .ThenBy(pair => pair.Key.Left, StringComparer.Ordinal)
                .ThenBy(pair => pair.Key.Right, StringComparer.Ordinal)
                .First().Key;
            merges.Add(best);
            foreach (var piece in pieces)
                Merge(piece, best.Left, best.Right);
        }

        return merges;
    }

    private static void Merge(List<string> piece, string left, string right)
    {
        for (var i = 0; i + 1 < piece.Count; i++)
        {
            if (piece[i] != left || piece[i + 1] != right)
                continue;
            piece[i] = left + right;
            piece.RemoveAt(i + 1);
        }
    }

    [GeneratedRegex(PiecePattern)]
    private static partial Regex PieceExpression();
}
