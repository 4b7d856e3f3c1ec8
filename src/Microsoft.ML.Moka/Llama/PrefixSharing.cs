namespace Microsoft.ML.Moka.Llama;

/// <summary>Puts sequences into a batch so that what several of them begin with is computed once: a tree of token spans.</summary>
internal static class PrefixSharing
{
    /// <summary>Adds the sequences; the places come in their order.</summary>
    public static SequencePlace[] AddShared(this RaggedBatch batch, IReadOnlyList<int[]> sequences)
    {
        var order = Enumerable.Range(0, sequences.Count).ToArray();
        // In lexicographic order the sequences that begin alike stand together, and what the first and the last of them share all of them share.
        Array.Sort(order, (a, b) => sequences[a].AsSpan().SequenceCompareTo(sequences[b]) is var c and not 0 ? c : a.CompareTo(b));
        var rows = sequences.Select(sequence => new int[sequence.Length]).ToArray();
        var places = new SequencePlace[sequences.Count];
        Add(0, order.Length, 0, null);
        return places;

        void Add(int start, int end, int depth, TokenSpan? earlier)
        {
            var first = sequences[order[start]];
            var common = first.AsSpan(depth).CommonPrefixLength(sequences[order[end - 1]].AsSpan(depth));
            var span = earlier;
            if (common > 0)
            {
                var ids = first.AsSpan(depth, common);
                span = earlier is null ? batch.Add(ids) : batch.Continue(earlier, ids);
                for (var i = start; i < end; i++)
                    for (var t = 0; t < common; t++)
                        rows[order[i]][depth + t] = span.Rows.Start - batch.FirstRow + t;
                depth += common;
            }
            for (; start < end && sequences[order[start]].Length == depth; start++)
                places[order[start]] = new SequencePlace(rows[order[start]], span ?? throw new ArgumentException("A sequence needs at least one token.", nameof(sequences)));
            while (start < end)
            {
                var next = start + 1;
                while (next < end && sequences[order[next]][depth] == sequences[order[start]][depth])
                    next++;
                Add(start, next, depth, span);
                start = next;
            }
        }
    }
}

/// <summary>Where a sequence is in a batch.</summary>
/// <param name="Rows">The row of each of its tokens among the batch's own.</param>
/// <param name="End">The span that its last token ends; what follows the sequence continues it.</param>
internal sealed record SequencePlace(int[] Rows, TokenSpan End);
