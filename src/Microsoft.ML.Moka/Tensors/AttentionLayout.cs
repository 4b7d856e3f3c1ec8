namespace Microsoft.ML.Moka.Tensors;

/// <summary>The heads of an attention: rows of q are [QueryHeads · HeadWidth], rows of k and v [KeyValueHeads · HeadWidth].</summary>
internal readonly record struct AttentionHeads(int QueryHeads, int KeyValueHeads, int HeadWidth)
{
    public float Scale => 1f / MathF.Sqrt(HeadWidth);
}

/// <summary>A range of rows of k and v.</summary>
internal readonly record struct RowRange(int Start, int Length);

/// <summary>
/// One stretch of tokens in a ragged batch: rows [Query, Query + Length) of q attend causally to rows [Key, Key + Length) of k and v,
/// and wholly to every row of the ranges in <paramref name="Context"/> (a shared prefix, or what a cache holds already).
/// </summary>
internal sealed record AttentionSpan(int Query, int Key, int Length, IReadOnlyList<RowRange> Context);

/// <summary>
/// Who attends to whom in a ragged batch. No padding and no mask: each span is computed on its own rows. The spans' query rows do not overlap;
/// several spans may share context rows (the answers that follow one prompt), and then those rows' gradients add up.
/// </summary>
internal sealed class AttentionLayout(IReadOnlyList<AttentionSpan> spans)
{
    public IReadOnlyList<AttentionSpan> Spans { get; } = spans;

    /// <summary>The layout of sequences that stand one after the other, each attending only to itself.</summary>
    public static AttentionLayout Sequences(IEnumerable<int> lengths)
    {
        var spans = new List<AttentionSpan>();
        var start = 0;
        foreach (var length in lengths)
        {
            spans.Add(new AttentionSpan(start, start, length, []));
            start += length;
        }
        return new AttentionLayout(spans);
    }

    /// <summary>
    /// Throws where a span reaches outside <paramref name="queryRows"/> rows of q or <paramref name="keyRows"/> of k, or two share rows of q.
    /// </summary>
    public void Validate(int queryRows, int keyRows)
    {
        var end = 0;
        foreach (var span in Spans.OrderBy(s => s.Query))
        {
            Require(span.Query, span.Length, queryRows, "q");
            Require(span.Key, span.Length, keyRows, "k");
            foreach (var range in span.Context)
                Require(range.Start, range.Length, keyRows, "k");
            if (span.Length > 0 && span.Query < end)
                throw new ArgumentException($"Row {span.Query} of q belongs to two spans.");
            end = Math.Max(end, span.Query + span.Length);
        }
    }

    private static void Require(int start, int length, int rows, string name)
    {
        if (start < 0 || length < 0 || start > rows - length)
            throw new ArgumentException($"An attention span uses {length} rows of {name} from row {start} on; there are {rows}.");
    }
}
