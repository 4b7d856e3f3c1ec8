namespace Microsoft.ML.Tokenizers;

/// <summary>A run of characters or bytes that may still grow; the symbols of a text form a linked list.</summary>
internal struct Symbol
{
    public int Start;
    public int Length;
    public int Id;
    public int Previous;
    public int Next;
}

/// <summary>Says which neighbours become one token, and how early: the least order first.</summary>
internal interface IMergeRule
{
    bool TryMerge(in Symbol left, in Symbol right, out double order, out int id);
}

/// <summary>Byte pair encoding: the best pair of neighbours is merged until none is left, in O(n log n).</summary>
internal static class PairMerging
{
    private readonly record struct Candidate(int Left, int Right, int Length, int Id);

    /// <summary>Links the symbols and merges them. Those that are left are found from the first one on by <see cref="Symbol.Next"/>.</summary>
    public static void Merge<TRule>(Span<Symbol> symbols, TRule rule, bool lastOfEqualsFirst = false)
        where TRule : IMergeRule, allows ref struct
    {
        var candidates = new PriorityQueue<Candidate, (double Order, int Place)>(symbols.Length);
        for (var i = 0; i < symbols.Length; i++)
        {
            symbols[i].Previous = i - 1;
            symbols[i].Next = i + 1 < symbols.Length ? i + 1 : -1;
        }
        for (var i = 0; i + 1 < symbols.Length; i++)
            Propose(symbols, i, i + 1, candidates, ref rule, lastOfEqualsFirst);

        while (candidates.TryDequeue(out var candidate, out _))
        {
            ref var left = ref symbols[candidate.Left];
            ref var right = ref symbols[candidate.Right];
            // A candidate is stale once either side was merged otherwise.
            if (left.Next != candidate.Right || left.Length + right.Length != candidate.Length)
                continue;
            left.Length = candidate.Length;
            left.Id = candidate.Id;
            left.Next = right.Next;
            right.Length = 0;
            right.Next = -1;
            if (left.Next >= 0)
            {
                symbols[left.Next].Previous = candidate.Left;
                Propose(symbols, candidate.Left, left.Next, candidates, ref rule, lastOfEqualsFirst);
            }
            if (left.Previous >= 0)
                Propose(symbols, left.Previous, candidate.Left, candidates, ref rule, lastOfEqualsFirst);
        }
    }

    private static void Propose<TRule>(Span<Symbol> symbols, int left, int right, PriorityQueue<Candidate, (double, int)> candidates, ref TRule rule, bool lastOfEqualsFirst)
        where TRule : IMergeRule, allows ref struct
    {
        if (rule.TryMerge(symbols[left], symbols[right], out var order, out var id))
            candidates.Enqueue(new Candidate(left, right, symbols[left].Length + symbols[right].Length, id), (order, lastOfEqualsFirst ? -left : left));
    }
}
