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
/// and wholly to every row of the ranges in <paramref name="Context"/> (a shared prefix, or what a cache holds already). Of all these a query sees the latest
/// <paramref name="Window"/>, its own included; contexts are in the order of the text.
/// </summary>
internal sealed record AttentionSpan(int Query, int Key, int Length, IReadOnlyList<RowRange> Context, int Window = int.MaxValue)
{
    public int ContextLength => Context.Sum(range => range.Length);
}

/// <summary>
/// Who attends to whom in a ragged batch. No padding and no mask: each span is computed on its own rows. The spans' query rows do not overlap;
/// several spans may share context rows (the answers that follow one prompt), and then those rows' gradients add up.
/// </summary>
internal sealed class AttentionLayout(IReadOnlyList<AttentionSpan> spans) : IDisposable
{
    private readonly Lock _lock = new();
    private IDisposable? _prepared;

    public IReadOnlyList<AttentionSpan> Spans { get; } = spans;

    /// <summary>What a backend makes of the layout at its first use, for all layers and both directions of a pass; it goes with the layout.</summary>
    public T Prepared<T>(Func<T, bool> serves, Func<T> prepare)
        where T : class, IDisposable
    {
        lock (_lock)
        {
            if (_prepared is T known && serves(known))
                return known;
            _prepared?.Dispose();
            var made = prepare();
            _prepared = made;
            return made;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _prepared?.Dispose();
            _prepared = null;
        }
    }

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
    /// The same with a sliding window: spans that reach beyond it are cut into stretches of queries, each with the rows alone that any of them sees, so that
    /// what lies before the window costs nothing.
    /// </summary>
    public AttentionLayout Within(int window)
    {
        var stretch = Math.Clamp(window / 8, 16, 256);
        var cut = new List<AttentionSpan>();
        foreach (var span in Spans)
        {
            if (span.ContextLength + span.Length <= window)
            {
                cut.Add(span);
                continue;
            }
            for (var start = 0; start < span.Length; start += stretch)
            {
                var length = Math.Min(stretch, span.Length - start);
                cut.Add(new AttentionSpan(span.Query + start, span.Key + start, length, Latest(span, start, window - 1), window));
            }
        }
        return new AttentionLayout(cut);
    }

    /// <summary>The latest rows before a query of a span.</summary>
    private static List<RowRange> Latest(AttentionSpan span, int query, int most)
    {
        var ranges = new List<RowRange>();
        for (var i = span.Context.Count; i >= 0 && most > 0; i--)
        {
            var range = i < span.Context.Count ? span.Context[i] : new RowRange(span.Key, query);
            var kept = Math.Min(range.Length, most);
            if (kept > 0)
                ranges.Add(new RowRange(range.Start + range.Length - kept, kept));
            most -= kept;
        }
        ranges.Reverse();
        return ranges;
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
            if (span.Window < 1)
                throw new ArgumentException($"An attention span has a window of {span.Window}; a query sees itself at least.");
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
