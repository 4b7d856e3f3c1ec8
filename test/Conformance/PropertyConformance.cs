using FsCheck;
using FsCheck.Fluent;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

/// <summary>Kernels on random shapes, layouts and formats; a failure is shrunk to the smallest case and replayed by its fixed seed.</summary>
public abstract class PropertyConformance<TBackends> : Conformance<TBackends>
    where TBackends : BackendCases, new()
{
    private static readonly Gen<int> Size = Gen.OneOf(Gen.Choose(1, 9), Gen.Choose(10, 70), Gen.Elements(16, 32, 64, 128));

    [Theory]
    [MemberData(nameof(Names))]
    public void Linear_maps(string name) => Hold(
        from tokens in Size
        from inputs in Size
        from outputs in Size
        from format in Gen.Elements(Enum.GetValues<WeightForm>())
        select (tokens, inputs, outputs, format),
        (Scenario s, (int Tokens, int Inputs, int Outputs, WeightForm Format) c) =>
        {
            // Packed rows consist of whole blocks.
            var inputs = c.Format >= WeightForm.PackedQ40 ? (c.Inputs + 31) / 32 * 32 : c.Inputs;
            var weight = s.Weight(c.Format, c.Outputs, inputs);
            s.Result("y", s.Backend.Linear(s.Activation(c.Tokens, inputs), weight));
            s.Result("dx", s.Backend.LinearInputGradient(s.Activation(c.Tokens, c.Outputs), weight));
        },
        name);

    [Theory]
    [MemberData(nameof(Names))]
    public void Kronecker_sums(string name)
    {
        var factor = Gen.Elements(1, 2, 3, 4, 5, 8);
        var filter =
            from identity in Gen.Elements(false, false, true)
            from left in Gen.Choose(0, 2)
            from right in Gen.Choose(0, 2)
            from count in Gen.Choose(1, 3)
            select (identity, left, right, count);
        Hold(
            from tokens in Gen.Choose(1, 40)
            from rows in Gen.ArrayOf(factor, 3)
            from columns in Gen.ArrayOf(factor, 3)
            from filters in Gen.NonEmptyListOf(filter)
            select (tokens, rows, columns, filters: filters.Take(4).ToArray()),
            (Scenario s, (int Tokens, int[] Rows, int[] Columns, (bool Identity, int Left, int Right, int Count)[] Filters) c) =>
            {
                int rows = c.Rows.Aggregate((a, b) => a * b), columns = c.Columns.Aggregate((a, b) => a * b);
                var common = c.Rows.Intersect(c.Columns).Max(int? (v) => v) ?? 1;
                var delta = s.Kronecker(rows, columns, [.. c.Filters.Select(f =>
                    f.Identity ? (-common, common, f.Count) : (c.Rows[f.Left], c.Columns[f.Right], f.Count))]);
                Tensor x = s.Activation(c.Tokens, columns), dy = s.Activation(c.Tokens, rows);
                s.Result("y", s.Backend.KroneckerProduct(x, delta));
                s.Result("dx", s.Backend.KroneckerInputGradient(dy, delta));
                var weight = s.Weight(WeightForm.FourBit, rows, columns);
                s.Result("y of the sum", s.Backend.Linear(x, weight, delta));
                s.Result("dx of the sum", s.Backend.LinearInputGradient(dy, weight, delta));
                s.Result("the sum", s.Backend.Expand(weight, delta));
                s.Result("its rows' norms", s.Backend.RowNorms(weight, delta));
                var coefficients = s.Parameter(delta.Coefficients.Rows);
                var factors = delta.Groups.Select(g => (
                    g.Left is null ? null : s.Parameter(g.Left.Rows, g.Left.Columns), (Tensor?)s.Parameter(g.Right.Rows, g.Right.Columns))).ToList();
                s.Backend.AccumulateKroneckerGradients(x, dy, delta, new KroneckerGradients(coefficients, factors));
                s.Peek("dc", coefficients);
                foreach (var (left, right) in factors)
                {
                    if (left is not null)
                        s.Peek("dA", left);
                    s.Peek("dB", right!);
                }
            },
            name);
    }

    /// <summary>Random trees of sequences: each span continues nothing or some of the earlier spans.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Attention(string name)
    {
        var span =
            from length in Gen.OneOf(Gen.Choose(0, 5), Gen.Choose(6, 50))
            from contexts in Gen.ListOf(Gen.Choose(1, 4))
            select (length, contexts: contexts.Distinct().Take(2).ToArray());
        Hold(
            from queries in Gen.Choose(1, 3)
            from shared in Gen.Choose(1, 3)
            from width in Gen.Elements(1, 4, 8, 10, 16, 33, 64)
            from spans in Gen.NonEmptyListOf(span)
            select (new AttentionHeads(queries * shared, shared, width), spans: spans.Take(6).ToArray()),
            (Scenario s, (AttentionHeads Heads, (int Length, int[] Contexts)[] Spans) c) =>
            {
                var spans = new List<AttentionSpan>();
                var start = 0;
                foreach (var (length, contexts) in c.Spans)
                {
                    var earlier = contexts.Where(back => back <= spans.Count).Select(back => spans[^back]);
                    spans.Add(new AttentionSpan(start, start, length, [.. earlier.Select(e => new RowRange(e.Key, e.Length))]));
                    start += length;
                }
                var layout = new AttentionLayout(spans);
                var (queryWidth, keyWidth) = (c.Heads.QueryHeads * c.Heads.HeadWidth, c.Heads.KeyValueHeads * c.Heads.HeadWidth);
                Tensor q = s.Activation(start, queryWidth), k = s.Activation(start, keyWidth), v = s.Activation(start, keyWidth);
                var y = s.Keep(s.Backend.Attention(q, k, v, layout, c.Heads, out var logSumExp));
                s.Peek("y", y);
                var (dq, dk, dv) = s.Backend.AttentionGradient(s.Activation(start, queryWidth), q, k, v, y, s.Keep(logSumExp), layout, c.Heads);
                s.Result("dq", dq);
                s.Result("dk", dk);
                s.Result("dv", dv);
            },
            name,
            // A score's gradient is a difference of two sums over the width, which may be all there is of it.
            tolerance: 120);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Token_losses(string name) => Hold(
        from rows in Size
        from width in Gen.Choose(1, 40)
        from vocabulary in Gen.OneOf(Gen.Choose(1, 20), Gen.Choose(100, 300))
        select (rows, width, vocabulary),
        (Scenario s, (int Rows, int Width, int Vocabulary) c) =>
        {
            Tensor head = s.Parameter(c.Vocabulary, c.Width), headGradient = s.Parameter(c.Vocabulary, c.Width);
            var targets = s.RandomIndices(c.Rows, c.Vocabulary);
            s.Result("losses", s.Backend.TokenLosses(
                s.Activation(c.Rows, c.Width), s.AsWeight(head), targets, s.Parameter(c.Rows), out var gradient, headGradient));
            s.Result("dh", gradient!);
            s.Peek("d head", headGradient);
        },
        name);

    [Theory]
    [MemberData(nameof(Names))]
    public void Row_kernels(string name) => Hold(
        from rows in Size
        from heads in Gen.Choose(1, 5)
        from half in Gen.Choose(1, 40)
        select (rows, heads, half),
        (Scenario s, (int Rows, int Heads, int Half) c) =>
        {
            var columns = c.Heads * 2 * c.Half;
            Tensor x = s.Activation(c.Rows, columns), dy = s.Activation(c.Rows, columns), weight = s.Parameter(columns), gradient = s.Parameter(columns);
            s.Result("norm", s.Backend.RmsNorm(x, weight, 1e-4f, out var inverseRms));
            s.Result("norm dx", s.Backend.RmsNormGradient(dy, x, weight, s.Keep(inverseRms), gradient));
            s.Peek("norm dw", gradient);
            s.Result("swiglu", s.Backend.SwiGlu(x, dy));
            var (gateGradient, upGradient) = s.Backend.SwiGluGradient(dy, x, dy);
            s.Result("d gate", gateGradient);
            s.Result("d up", upGradient);
            Tensor norms = s.Parameter([.. s.Normal(columns).Select(v => 0.3f + Math.Abs(v))]), magnitudeGradient = s.Parameter(columns);
            s.Result("scaled", s.Backend.ScaleColumns(x, weight, norms));
            s.Result("scaled dx", s.Backend.ScaleColumnsGradient(dy, x, weight, norms, magnitudeGradient));
            s.Peek("d magnitude", magnitudeGradient);
            s.Result("rotary", s.Backend.Rotary(x, s.RandomIndices(c.Rows, 9), s.Parameter(9, c.Half), s.Parameter(9, c.Half)));
        },
        name);

    private static void Hold<T>(Gen<T> cases, Action<Scenario, T> work, string backend, double tolerance = 60)
    {
        var seed = 0;
        Prop.ForAll(cases.ToArbitrary(), c => Check(backend, tolerance, s => work(s, c), seed++))
            .Check(Properties.Settings.WithMaxTest(40));
    }
}
