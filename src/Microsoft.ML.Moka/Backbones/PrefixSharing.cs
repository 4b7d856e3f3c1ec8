namespace Microsoft.ML.Moka.Backbones;

/// <summary>Puts sequences into a batch so that what several of them begin with is computed once: a tree of token spans.</summary>
internal static class PrefixSharing
{
    /// <summary>Adds the sequences; their places come in their order.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="sequences">The sequences; each has at least one token.</param>
    /// <param name="earlier">What all of them continue; null for the beginning.</param>
    public static SequencePlace[] AddShared(this RaggedBatch batch, IReadOnlyList<int[]> sequences, TokenSpan? earlier = null)
    {
        var order = Enumerable.Range(0, sequences.Count).ToArray();
        // In lexicographic order the sequences that begin alike stand together, and what the first and the last of them share all of them share.
        Array.Sort(order, (a, b) => sequences[a].AsSpan().SequenceCompareTo(sequences[b]) is var c and not 0 ? c : a.CompareTo(b));
        if (order.Length > 0 && sequences[order[0]].Length == 0)
            throw new ArgumentException("A sequence needs at least one token.", nameof(sequences));
        var rows = sequences.Select(sequence => new int[sequence.Length]).ToArray();
        var places = new SequencePlace[sequences.Count];
        Add(0, order.Length, 0, earlier);
        return places;

        void Add(int start, int end, int depth, TokenSpan? span)
        {
            if (start == end)
                return;
            var first = sequences[order[start]];
            var common = first.AsSpan(depth).CommonPrefixLength(sequences[order[end - 1]].AsSpan(depth));
            if (common > 0)
            {
                span = batch.Follow(span, first.AsSpan(depth, common));
                for (var i = start; i < end; i++)
                    for (var t = 0; t < common; t++)
                        rows[order[i]][depth + t] = span.Rows.Start - batch.FirstRow + t;
                depth += common;
            }
            for (; start < end && sequences[order[start]].Length == depth; start++)
                places[order[start]] = new SequencePlace(rows[order[start]], span!);
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

    /// <summary>
    /// Adds prompts whose first tokens are an opening that other prompts may have too: that is computed once for all of them. Where a prompt is divided depends
    /// on itself alone, so that nothing that is computed for it depends on the others.
    /// </summary>
    /// <returns>The spans that the prompts end in.</returns>
    public static TokenSpan[] AddPrompts(this RaggedBatch batch, IReadOnlyList<OpenedPrompt> prompts)
    {
        var openings = new SharedOpenings(batch);
        return [.. prompts.Select(prompt => batch.Follow(openings.Add(prompt.Ids.AsSpan(0, prompt.Opening)), prompt.Ids.AsSpan(prompt.Opening)))];
    }

    private static TokenSpan Follow(this RaggedBatch batch, TokenSpan? earlier, ReadOnlySpan<int> ids) =>
        earlier is null ? batch.Add(ids) : batch.Continue(earlier, ids);
}

/// <summary>Where a sequence is in a batch.</summary>
/// <param name="Rows">The row of each of its tokens among the batch's own.</param>
/// <param name="End">The span that its last token ends; what follows the sequence continues it.</param>
internal sealed record SequencePlace(int[] Rows, TokenSpan End);

/// <summary>A prompt.</summary>
/// <param name="Ids">Its tokens.</param>
/// <param name="Opening">How many of its first tokens other prompts may begin with too; fewer than all.</param>
internal readonly record struct OpenedPrompt(int[] Ids, int Opening);

/// <summary>The openings that a batch has already.</summary>
internal sealed class SharedOpenings(RaggedBatch batch)
{
    private readonly List<(int[] Ids, TokenSpan Span)> _openings = [];

    /// <summary>The span of an opening, which is added where it is new; null for an empty one.</summary>
    public TokenSpan? Add(ReadOnlySpan<int> ids)
    {
        if (ids.IsEmpty)
            return null;
        // Prompts with one opening come one after the other.
        for (var i = _openings.Count - 1; i >= 0; i--)
            if (ids.SequenceEqual(_openings[i].Ids))
                return _openings[i].Span;
        _openings.Add((ids.ToArray(), batch.Add(ids)));
        return _openings[^1].Span;
    }
}
