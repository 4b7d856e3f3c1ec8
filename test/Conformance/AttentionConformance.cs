using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

public abstract class AttentionConformance<TBackends> : Conformance<TBackends>
    where TBackends : BackendCases, new()
{
    private const double Tolerance = 100;

    private static readonly AttentionHeads[] Heads =
        [new(1, 1, 1), new(2, 2, 8), new(3, 1, 16), new(4, 2, 5), new(9, 3, 64), new(2, 1, 128), new(8, 8, 24)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Sequences_of_many_lengths(string name) => Check(name, Tolerance, s =>
    {
        foreach (var heads in Heads)
            Check(s, 66, 66, AttentionLayout.Sequences([1, 17, 2, 40, 6]), heads);
        Check(s, 150, 150, AttentionLayout.Sequences([150]), new AttentionHeads(2, 1, 32));
        Check(s, 133, 133, AttentionLayout.Sequences([130, 3]), new AttentionHeads(3, 3, 16));
    });

    /// <summary>Three answers continue one prompt; a fourth continues the second of them.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Shared_contexts_and_their_gradients(string name) => Check(name, Tolerance, s =>
    {
        var prompt = new RowRange(0, 70);
        var layout = new AttentionLayout(
        [
            new(0, 0, 70, []),
            new(70, 70, 3, [prompt]),
            new(73, 73, 1, [prompt]),
            new(74, 74, 20, [prompt]),
            new(94, 94, 5, [prompt, new RowRange(73, 1)]),
            new(99, 99, 4, []),
        ]);
        foreach (var heads in Heads)
            Check(s, 103, 103, layout, heads);
    });

    /// <summary>Rows of k and v in a cache: other places than those of q, ranges in any order, empty ranges, unused rows. Gradients of one key among hundreds
    /// are small, that of a token that sees itself alone is nothing, a difference of equal numbers: hence the tolerance.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Caches(string name) => Check(name, 5 * Tolerance, s =>
    {
        var layout = new AttentionLayout(
        [
            new(0, 300, 1, [new RowRange(0, 300)]),
            new(1, 400, 1, [new RowRange(350, 50), new RowRange(10, 1), new RowRange(20, 0)]),
            new(2, 310, 4, [new RowRange(200, 33)]),
            new(6, 340, 1, []),
        ]);
        foreach (var heads in Heads)
            Check(s, 7, 420, layout, heads);
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Rows_outside_every_span_are_zero(string name) => Check(name, Tolerance, s =>
    {
        var heads = new AttentionHeads(4, 2, 16);
        Check(s, 20, 25, new AttentionLayout([new(3, 5, 4, []), new(12, 20, 2, [new RowRange(5, 4)])]), heads);
        Check(s, 4, 4, new AttentionLayout([]), heads);
        Check(s, 4, 4, new AttentionLayout([new(0, 0, 0, []), new(0, 0, 4, [])]), heads);
    });

    /// <summary>A query sees the latest of its keys and no more, wherever the window begins: in the span, in a range of the context, at its end.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Windows(string name) => Check(name, Tolerance, s =>
    {
        foreach (var (window, some) in ((int, AttentionHeads[])[])[(5, Heads), (33, Heads[2..4]), (2, Heads[1..2]), (60, Heads[4..5])])
        {
            var prompt = new RowRange(0, 70);
            var whole = new AttentionLayout(
                [new(0, 0, 70, []), new(70, 70, 3, [prompt]), new(73, 73, 1, [prompt, new RowRange(71, 2)]), new(74, 74, 20, [prompt])]);
            foreach (var heads in some)
            {
                // As the spans are, and cut to what the window covers: the same numbers.
                Check(s, 94, 94, new AttentionLayout([.. whole.Spans.Select(span => span with { Window = window })]), heads);
                Check(s, 94, 94, whole.Within(window), heads);
            }
        }
    });

    /// <summary>Scores of hundreds must neither overflow nor vanish.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Large_scores(string name) => Check(name, 2000, s =>
    {
        var heads = new AttentionHeads(2, 1, 32);
        Check(s, 80, 80, AttentionLayout.Sequences([80]), heads, scale: 8);
    });

    private static void Check(Scenario s, int queries, int keys, AttentionLayout layout, AttentionHeads heads, double scale = 1)
    {
        Tensor q = s.Activation(queries, heads.QueryHeads * heads.HeadWidth, scale), dy = s.Activation(queries, heads.QueryHeads * heads.HeadWidth);
        Tensor k = s.Activation(keys, heads.KeyValueHeads * heads.HeadWidth, scale), v = s.Activation(keys, heads.KeyValueHeads * heads.HeadWidth);
        var y = s.Keep(s.Backend.Attention(q, k, v, layout, heads, out var logSumExp));
        s.Peek($"y {heads}", y);
        // What a backend keeps for the gradient is its own affair.
        s.Keep(logSumExp);
        var (dq, dk, dv) = s.Backend.AttentionGradient(dy, q, k, v, y, logSumExp, layout, heads);
        s.Result($"dq {heads}", dq);
        s.Result($"dk {heads}", dk);
        s.Result($"dv {heads}", dv);
    }
}
