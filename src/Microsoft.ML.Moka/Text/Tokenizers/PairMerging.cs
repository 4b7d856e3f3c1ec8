using System.Runtime.InteropServices;

namespace Microsoft.ML.Moka.Text.Tokenizers;

/// <summary>Merges the symbols of one piece: few of them by looking at all pairs each time, many with a queue, so that a long piece costs n·log n.</summary>
internal static class PairMerging
{
    private const int Few = 40;

    /// <summary>What the symbols become; the list is changed.</summary>
    public static List<int> Merge(List<int> symbols, Dictionary<long, (int Rank, int Merged)> merges)
    {
        if (symbols.Count > Few)
            return MergeMany(CollectionsMarshal.AsSpan(symbols), merges);
        Span<(int Rank, int Merged)> pairs = stackalloc (int, int)[Few];
        for (var i = 0; i + 1 < symbols.Count; i++)
            pairs[i] = Find(symbols[i], symbols[i + 1], merges);
        while (symbols.Count > 1)
        {
            var best = 0;
            for (var i = 1; i + 1 < symbols.Count; i++)
            {
                if (pairs[i].Rank < pairs[best].Rank)
                    best = i;
            }
            if (pairs[best].Rank == int.MaxValue)
                break;
            symbols[best] = pairs[best].Merged;
            symbols.RemoveAt(best + 1);
            for (var i = best + 1; i + 1 < symbols.Count; i++)
                pairs[i] = pairs[i + 1];
            if (best > 0)
                pairs[best - 1] = Find(symbols[best - 1], symbols[best], merges);
            if (best + 1 < symbols.Count)
                pairs[best] = Find(symbols[best], symbols[best + 1], merges);
        }
        return symbols;
    }

    private static (int Rank, int Merged) Find(int left, int right, Dictionary<long, (int Rank, int Merged)> merges)
        => merges.TryGetValue(((long)left << 32) | (uint)right, out var merge) ? merge : (int.MaxValue, 0);

    private static List<int> MergeMany(Span<int> symbols, Dictionary<long, (int Rank, int Merged)> merges)
    {
        var (before, after, isGone) = (new int[symbols.Length], new int[symbols.Length], new bool[symbols.Length]);
        // By rank, then by place.
        var queue = new PriorityQueue<int, long>(symbols.Length);
        for (var i = 0; i < symbols.Length; i++)
        {
            (before[i], after[i]) = (i - 1, i + 1);
            Enqueue(symbols, i, i + 1);
        }
        while (queue.TryDequeue(out var place, out var priority))
        {
            if (isGone[place] || after[place] >= symbols.Length)
                continue;
            var right = after[place];
            var (rank, merged) = Find(symbols[place], symbols[right], merges);
            // The pair may have become another one since.
            if (rank == int.MaxValue || rank != (int)(priority >> 32))
                continue;
            symbols[place] = merged;
            isGone[right] = true;
            after[place] = after[right];
            if (after[place] < symbols.Length)
                before[after[place]] = place;
            if (before[place] >= 0)
                Enqueue(symbols, before[place], place);
            Enqueue(symbols, place, after[place]);
        }
        var left = new List<int>();
        for (var i = 0; i < symbols.Length; i = after[i])
            left.Add(symbols[i]);
        return left;

        void Enqueue(ReadOnlySpan<int> symbols, int place, int next)
        {
            if (next < symbols.Length && Find(symbols[place], symbols[next], merges) is { Rank: < int.MaxValue } merge)
                queue.Enqueue(place, ((long)merge.Rank << 32) | (uint)place);
        }
    }
}
