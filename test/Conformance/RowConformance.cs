using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

public abstract class RowConformance<TBackends> : Conformance<TBackends>
    where TBackends : BackendCases, new()
{
    private const double Tolerance = 20;

    private static readonly (int Rows, int Columns)[] Shapes =
        [(0, 16), (1, 1), (1, 16), (2, 7), (3, 31), (5, 64), (9, 100), (33, 96), (64, 65), (257, 48), (4, 576), (2, 4097), (400, 200)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Addition(string name) => Check(name, 2, s =>
    {
        foreach (var (rows, columns) in Shapes)
        {
            Tensor a = s.Activation(rows, columns), b = s.Activation(rows, columns), p = s.Parameter(rows, columns), q = s.Parameter(rows, columns);
            s.Result("a + b", s.Backend.Add(a, b));
            s.Backend.AddInPlace(a, b);
            s.Peek("a", a);
            s.Backend.AddInPlace(p, q);
            s.Peek("p", p);
        }
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Rms_normalization(string name) => Check(name, Tolerance, s =>
    {
        foreach (var (rows, columns) in Shapes)
        {
            Tensor x = s.Activation(rows, columns, 3), weight = s.Parameter(columns), dy = s.Activation(rows, columns), gradient = s.Parameter(columns);
            s.Result("y", s.Backend.RmsNorm(x, weight, 0.5f, out var inverseRms));
            s.Peek("1 / rms", s.Keep(inverseRms));
            s.Result("dx", s.Backend.RmsNormGradient(dy, x, weight, inverseRms, null));
            s.Result("dx again", s.Backend.RmsNormGradient(dy, x, weight, inverseRms, gradient));
            s.Peek("d weight", gradient);
        }
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Rms_normalization_of_heads(string name) => Check(name, Tolerance, s =>
    {
        foreach (var (rows, heads, width) in ((int, int, int)[])[(0, 2, 8), (1, 1, 16), (3, 5, 7), (40, 4, 64), (301, 3, 33)])
        {
            Tensor x = s.Activation(rows, heads * width, 3), weight = s.Parameter(width), dy = s.Activation(rows, heads * width), gradient = s.Parameter(width);
            s.Result("y", s.Backend.RmsNorm(x, weight, 0.5f, out var inverseRms));
            s.Peek("1 / rms", s.Keep(inverseRms));
            s.Result("dx", s.Backend.RmsNormGradient(dy, x, weight, inverseRms, gradient));
            s.Peek("d weight", gradient);
        }
        Assert.Throws<ArgumentException>(() => s.Backend.RmsNorm(s.Activation(2, 15), s.Parameter(4), 1, out _));
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void A_vector_is_added_to_every_row(string name) => Check(name, Tolerance, s =>
    {
        foreach (var (rows, columns) in Shapes)
        {
            Tensor x = s.Activation(rows, columns), row = s.Parameter(columns), sums = s.Parameter(columns);
            s.Backend.AddToRows(x, row);
            s.Peek("x", x);
            s.Backend.AccumulateColumnSums(x, sums);
            s.Peek("sums", sums);
        }
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Rms_normalization_of_tiny_and_zero_rows(string name) => Check(name, Tolerance, s =>
    {
        var zeros = s.Keep(s.Backend.Zeros(TensorKind.Activation, 2, 40));
        var weight = s.Parameter(40);
        s.Result("zero", s.Backend.RmsNorm(zeros, weight, 1e-6f, out var inverseRms));
        s.Result("1 / rms of zero", inverseRms);
        s.Result("tiny", s.Backend.RmsNorm(s.Activation(3, 40, 1e-6), weight, 1e-6f, out inverseRms));
        s.Result("1 / rms of tiny", inverseRms);
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void SwiGlu(string name) => Check(name, Tolerance, s =>
    {
        foreach (var (rows, columns) in Shapes)
        {
            Tensor gate = s.Activation(rows, columns, 3), up = s.Activation(rows, columns), dy = s.Activation(rows, columns);
            s.Result("y", s.Backend.SwiGlu(gate, up));
            var (gateGradient, upGradient) = s.Backend.SwiGluGradient(dy, gate, up);
            s.Result("d gate", gateGradient);
            s.Result("d up", upGradient);
        }
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void SwiGlu_of_extreme_gates(string name) => Check(name, Tolerance, s =>
    {
        float[] gates = [-1e4f, -100, -88, -30, -1e-20f, 0, 1e-20f, 30, 88, 100, 1e4f, -745, -104, 3, -3, 20];
        foreach (var value in gates)
        {
            var gate = s.Keep(s.Backend.Upload(TensorKind.Activation, Enumerable.Repeat(value, 19).ToArray(), 1, 19));
            Tensor up = s.Activation(1, 19), dy = s.Activation(1, 19);
            s.Result($"y of {value}", s.Backend.SwiGlu(gate, up));
            var (gateGradient, upGradient) = s.Backend.SwiGluGradient(dy, gate, up);
            // Far out the derivative is a difference of a tiny number and nothing: only its being tiny is asked for.
            s.Result($"1 + d gate of {value}", s.Backend.Add(s.Keep(gateGradient), s.Keep(Ones(s, 19))));
            s.Result($"1 + d up of {value}", s.Backend.Add(s.Keep(upGradient), s.Keep(Ones(s, 19))));
        }
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Rotary_embedding_and_its_inverse(string name) => Check(name, Tolerance, s =>
    {
        foreach (var (tokens, heads, half) in new[] { (1, 1, 1), (3, 2, 4), (5, 3, 8), (7, 1, 5), (40, 9, 32), (2, 4, 64), (6, 2, 12) })
        {
            var x = s.Activation(tokens, heads * 2 * half);
            var positions = s.RandomIndices(tokens, 50);
            Tensor cosines = s.Parameter(50, half), sines = s.Parameter(50, half);
            s.Result("turned", s.Backend.Rotary(x, positions, cosines, sines));
            s.Result("turned back", s.Backend.Rotary(x, positions, cosines, sines, inverse: true));
        }
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Softmax(string name) => Check(name, Tolerance, s =>
    {
        foreach (var count in new[] { 1, 2, 5, 17, 100 })
            foreach (var scale in new[] { 0.0, 1, 300 })
            {
                var softmax = s.Keep(s.Backend.Softmax(s.Parameter(count, scale: scale)));
                s.Peek("softmax", softmax);
                Tensor ds = s.Parameter(count), gradient = s.Parameter(count);
                s.Backend.AccumulateSoftmaxGradient(softmax, ds, gradient);
                s.Peek("gradient", gradient);
            }
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Scaled_columns(string name) => Check(name, Tolerance, s =>
    {
        foreach (var (rows, columns) in Shapes)
        {
            Tensor x = s.Activation(rows, columns), dy = s.Activation(rows, columns), magnitude = s.Parameter(columns), gradient = s.Parameter(columns);
            var norms = s.Parameter([.. s.Normal(columns).Select((v, i) => i % 7 == 3 ? 0 : 0.1f + Math.Abs(v))]);
            s.Result("y", s.Backend.ScaleColumns(x, magnitude, norms));
            s.Result("dx", s.Backend.ScaleColumnsGradient(dy, x, magnitude, norms, gradient));
            s.Peek("d magnitude", gradient);
        }
    });

    /// <summary>A calculation that fails must be seen, and only in the row where it failed.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Not_a_number_stays_visible(string name)
    {
        using var backend = Find(name).Create();
        using var s = new Scenario(backend, 1);
        foreach (var at in new[] { 0, 17, 50 })
        {
            var values = s.Normal(3 * 51);
            values[51 + at] = float.NaN;
            var x = s.Keep(backend.Upload(TensorKind.Activation, values, 3, 51));
            var losses = s.Keep(backend.TokenLosses(x, s.AsWeight(s.Parameter(40, 51)), s.Indices(1, 2, 3), s.Parameter(3), out var gradient));
            Assert.Equal([false, true, false], backend.Read(losses).Select(float.IsNaN));
            AssertRow(s.Keep(gradient!), all: true);
            AssertRow(s.Keep(backend.RmsNorm(x, s.Parameter(51), 1e-5f, out var inverseRms)), all: true);
            Assert.Equal([false, true, false], backend.Read(s.Keep(inverseRms)).Select(float.IsNaN));
            AssertRow(s.Keep(backend.SwiGlu(x, x)), all: false);
            AssertRow(s.Keep(backend.ScaleColumns(x, s.Parameter(51), s.Parameter(51))), all: false);
            var gates = s.Parameter(values[51..102]);
            Assert.All(backend.Read(s.Keep(backend.Softmax(gates))), v => Assert.True(float.IsNaN(v)));
        }

        void AssertRow(Tensor y, bool all)
        {
            var missing = backend.Read(y).Select(float.IsNaN).Chunk(y.Columns).Select(row => row.Count(v => v)).ToArray();
            Assert.Equal([0, all ? y.Columns : 1, 0], missing);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Rows_are_gathered_scattered_and_copied(string name) => Check(name, 3, s =>
    {
        foreach (var (rows, columns) in Shapes)
        {
            var x = s.Activation(rows, columns);
            var chosen = s.RandomIndices(2 * rows, rows);
            s.Result("gathered", s.Backend.GatherRows(x, chosen));
            s.Result("none gathered", s.Backend.GatherRows(x, s.Indices()));
            s.Result("scattered", s.Backend.ScatterRows(s.Activation(2 * rows, columns), chosen, rows + 3));
            var cache = s.Activation(rows + 5, columns);
            s.Backend.CopyRows(x, cache, s.Next(6));
            s.Peek("cache", cache);
        }
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Means_of_rows_are_float32_and_independent_of_other_ranges(string name) => Check(name, 3, s =>
    {
        foreach (var (rows, columns) in Shapes.Where(shape => shape.Rows > 0))
        {
            var x = s.Activation(rows, columns);
            RowRange[] each = [.. Enumerable.Range(0, rows).Select(row => new RowRange(row, 1))];
            RowRange[] some = [new(0, rows), new(rows - 1, 1), new(rows / 2, rows - rows / 2)];
            foreach (var ranges in (RowRange[][])[each, some, each[..(rows / 2)], []])
            {
                var means = s.Keep(s.Backend.MeanRows(x, ranges));
                Assert.Equal(TensorKind.Parameter, means.Kind);
                s.Peek("means", means);
                var gradient = s.Keep(s.Backend.MeanRowsGradient(s.Parameter(ranges.Length, columns), ranges, rows));
                Assert.Equal(TensorKind.Activation, gradient.Kind);
                s.Peek("gradient", gradient);
            }
        }
        var few = s.Activation(4, 3);
        foreach (var outside in (RowRange[])[new(-1, 2), new(0, 0), new(2, 3), new(4, 1), new(1, int.MaxValue)])
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => s.Backend.MeanRows(few, [outside]));
            Assert.Throws<ArgumentOutOfRangeException>(() => s.Backend.MeanRowsGradient(s.Parameter(1, 3), [outside], 4));
        }
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Dropout_zeroes_the_rate_and_scales_the_rest(string name)
    {
        var tested = Find(name);
        using var backend = tested.Create();
        using var s = new Scenario(backend, 1);
        foreach (var rate in new[] { 0f, 0.05f, 0.5f, 0.9f })
        {
            var x = s.Activation(300, 101);
            var (before, after) = (backend.Read(x), Drop(backend, x, rate, 7));
            var kept = after.Count(v => v != 0);
            // Five standard deviations of the binomial distribution.
            var deviation = Math.Sqrt(before.Length * rate * (1 - (double)rate));
            Assert.InRange(kept, before.Length * (1 - rate) - 5 * deviation - 0.5, before.Length * (1 - rate) + 5 * deviation + 0.5);
            var expected = before.Zip(after, (b, a) => a == 0 ? 0 : b / (1 - rate)).ToArray();
            Close.Check(expected, after, 4 * tested.Precision, $"dropout {rate}");
            Assert.Equal(after, Drop(backend, x, rate, 7));
            if (rate > 0)
                Assert.NotEqual(after, Drop(backend, x, rate, 8));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Dropout_is_a_function_of_seed_and_index_alone(string name)
    {
        using var backend = Find(name).Create();
        const int Count = 100_000;
        using var ones = backend.Upload(TensorKind.Activation, Enumerable.Repeat(1f, Count).ToArray(), 400, Count / 400);
        using var twos = backend.Upload(TensorKind.Activation, Enumerable.Repeat(2f, 777).ToArray(), 7, 111);
        var (first, second) = (Drop(backend, ones, 0.3f, 5), Drop(backend, twos, 0.3f, 5));
        Assert.Equal(first.Take(777).Select(v => v != 0), second.Select(v => v != 0));
        // Neighbouring seeds and indices are independent, near and far: about 0.3² of the elements are dropped by both.
        Independent(first, Drop(backend, ones, 0.3f, 6));
        foreach (var distance in new[] { 1, 8, 100, 1 << 14, 1 << 15, 1 << 16 })
            Independent(first[distance..], first[..^distance]);

        static void Independent(float[] a, float[] b) =>
            Assert.InRange(a.Zip(b).Count(p => p.First == 0 && p.Second == 0) / (double)a.Length, 0.08, 0.10);
    }

    private static float[] Drop(Backend backend, Tensor x, float rate, ulong seed)
    {
        using var y = backend.Dropout(x, rate, seed);
        return backend.Read(y);
    }

    private static Tensor Ones(Scenario s, int columns) => s.Backend.Upload(TensorKind.Activation, Enumerable.Repeat(1f, columns).ToArray(), 1, columns);
}
