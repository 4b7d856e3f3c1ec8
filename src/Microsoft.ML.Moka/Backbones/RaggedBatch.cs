using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// Sequences of tokens that go through the backbone together: one row per token, no padding. A stretch of tokens may continue another one, which is
/// then computed once however many continue it: the candidate answers after one prompt, or new tokens after what a <see cref="KeyValueCache"/> holds.
/// </summary>
/// <param name="firstRow">The number of rows that a cache holds already; rows are numbered on from there.</param>
internal sealed class RaggedBatch(int firstRow = 0)
{
    private readonly List<int> _ids = [];
    private readonly List<int> _positions = [];
    private readonly List<int> _lengths = [];
    private readonly List<AttentionSpan> _spans = [];

    /// <summary>The number of rows before the batch's own, in a cache.</summary>
    public int FirstRow { get; } = firstRow;

    public int TokenCount => _ids.Count;

    public List<int> Ids => _ids;

    public List<int> Positions => _positions;

    /// <summary>The length of each token's sequence as far as it goes in the batch, what is cached or shared before it included.</summary>
    public List<int> Lengths => _lengths;

    public AttentionLayout Layout => new(_spans);

    /// <summary>
    /// The layout where only some rows ask: query j is row <paramref name="rows"/>[j] of the batch, in ascending order, and attends to what it attends to
    /// in <see cref="Layout"/>.
    /// </summary>
    public AttentionLayout LayoutOf(IReadOnlyList<int> rows)
    {
        var spans = new List<AttentionSpan>();
        var query = 0;
        foreach (var span in _spans)
        {
            while (query < rows.Count && rows[query] < span.Query + span.Length)
            {
                // A run of neighbours is causal in itself and sees all of the span that is before it.
                var length = 1;
                while (query + length < rows.Count && rows[query + length] == rows[query] + length && rows[query] + length < span.Query + span.Length)
                    length++;
                var before = rows[query] - span.Query;
                var context = before == 0 ? span.Context : Join(span.Context, new RowRange(span.Key, before));
                spans.Add(new AttentionSpan(query, span.Key + before, length, context));
                query += length;
            }
        }
        return new AttentionLayout(spans);
    }

    /// <summary>A batch of whole sequences.</summary>
    public static RaggedBatch Of(params IEnumerable<int[]> sequences)
    {
        var batch = new RaggedBatch();
        foreach (var sequence in sequences)
            batch.Add(sequence);
        return batch;
    }

    /// <summary>Adds a sequence that starts at position 0.</summary>
    public TokenSpan Add(ReadOnlySpan<int> ids) => Add(ids, 0, []);

    /// <summary>Adds tokens that follow <paramref name="earlier"/>: they attend to all that it attends to, to itself, and causally to each other.</summary>
    public TokenSpan Continue(TokenSpan earlier, ReadOnlySpan<int> ids) => Add(ids, earlier.NextPosition, Join(earlier.Context, earlier.Rows));

    private TokenSpan Add(ReadOnlySpan<int> ids, int position, IReadOnlyList<RowRange> context)
    {
        if (ids.IsEmpty)
            throw new ArgumentException("A sequence of a batch needs at least one token.", nameof(ids));
        var rows = new RowRange(FirstRow + TokenCount, ids.Length);
        _spans.Add(new AttentionSpan(TokenCount, rows.Start, ids.Length, context));
        var length = position + ids.Length;
        foreach (var id in ids)
        {
            _ids.Add(id);
            _lengths.Add(length);
            _positions.Add(position++);
        }
        return new TokenSpan(rows, position, context);
    }

    private static List<RowRange> Join(IReadOnlyList<RowRange> ranges, RowRange next)
    {
        var joined = new List<RowRange>(ranges);
        if (joined.Count > 0 && joined[^1].Start + joined[^1].Length == next.Start)
            joined[^1] = new RowRange(joined[^1].Start, joined[^1].Length + next.Length);
        else
            joined.Add(next);
        return joined;
    }
}

/// <summary>A stretch of tokens in a batch.</summary>
/// <param name="Rows">Its rows; the numbering starts at <see cref="RaggedBatch.FirstRow"/>.</param>
/// <param name="NextPosition">The position of the token that would follow it.</param>
/// <param name="Context">The earlier rows that it attends to.</param>
internal sealed record TokenSpan(RowRange Rows, int NextPosition, IReadOnlyList<RowRange> Context);
