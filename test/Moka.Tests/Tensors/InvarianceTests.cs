using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Tensors.Cpu.Tiles;

namespace Microsoft.ML.Moka.Tests.Tensors;

/// <summary>What a result must not depend on: the number of threads, the other rows of a batch, other callers. Bit for bit on the CPU.</summary>
public class InvarianceTests
{
    private const string Vectors = "BFloat16 on vectors";

    /// <summary>
    /// Every instruction set of this machine, where there are panels for them the tiles of AMX in both precisions, and the vectors of bfloat16 that it may
    /// have.
    /// </summary>
    public static TheoryData<string> Levels =>
    [
        .. Enum.GetValues<SimdLevel>().Where(level => level <= SimdLevels.Best).Select(level => level.ToString()),
        .. SimdLevels.Best < SimdLevel.Vector512 ? [] : (string[])[nameof(MokaPrecision.Split), nameof(MokaPrecision.BFloat16)],
        .. VectorTiles.IsSupported ? (string[])[Vectors] : [],
    ];

    [Theory]
    [MemberData(nameof(Levels))]
    public void Results_do_not_depend_on_the_number_of_threads(string level)
    {
        using var single = Create(level, threads: 1);
        var expected = Scenario.Run(single, Everything);
        foreach (var threads in new[] { 2, 5 })
        {
            using var backend = Create(level, threads);
            AssertSame(expected, Scenario.Run(backend, Everything));
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Results_do_not_depend_on_other_callers(string level)
    {
        using var backend = Create(level, threads: 2);
        var expected = Scenario.Run(backend, Everything);
        Parallel.For(0, 3, new ParallelOptions { MaxDegreeOfParallelism = 3 }, _ => AssertSame(expected, Scenario.Run(backend, Everything)));
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void A_row_does_not_depend_on_the_rows_beside_it(string level)
    {
        using var backend = Create(level, threads: 2);
        using var s = new Scenario(backend, 3);
        var delta = s.Kronecker(96, 64, (8, 8, 2), (4, 16, 1), (-16, 16, 0));
        Tensor norm = s.Parameter(64), cosines = s.Parameter(50, 8), sines = s.Parameter(50, 8);
        foreach (var format in Enum.GetValues<WeightForm>())
        {
            var weight = s.Weight(format, 96, 64);
            CheckRows(s, 64, x => [backend.Linear(x, weight)]);
            CheckRows(s, 64, x => [backend.Linear(x, weight, delta)]);
            CheckRows(s, 96, dy => [backend.LinearInputGradient(dy, weight)]);
            CheckRows(s, 96, dy => [backend.LinearInputGradient(dy, weight, delta)]);
        }
        var head = s.Weight(WeightForm.DenseF32, 300, 64);
        CheckRows(s, 64, x => [backend.KroneckerProduct(x, delta)]);
        CheckRows(s, 96, dy => [backend.KroneckerInputGradient(dy, delta)]);
        CheckRows(s, 64, x => [backend.Add(x, x)]);
        CheckRows(s, 64, x => [backend.RmsNorm(x, norm, 1e-5f, out var scale), scale]);
        CheckRows(s, 64, x => [backend.SwiGlu(x, x)]);
        CheckRows(s, 64, x => Losses(s, x, head));
        // So many logits that 70 rows take the vocabulary in parts, and a few rows do not.
        var large = s.Weight(WeightForm.DenseF32, 16_000, 64);
        CheckRows(s, 64, x => [s.Backend.TokenLosses(x, large, s.Indices([.. Enumerable.Repeat(5_000, x.Rows)]), null, out _)]);
        CheckRows(s, 64, x => Losses(s, x, large));
        CheckRows(s, 64, x => [backend.Rotary(x, s.Indices([.. Enumerable.Repeat(7, x.Rows)]), cosines, sines)]);
        // A width that is no multiple of a vector: the rows of a batch begin at all alignments.
        var wide = s.Parameter(333);
        var wideHead = s.Weight(WeightForm.FourBit, 77, 333);
        CheckRows(s, 333, x => [backend.RmsNorm(x, wide, 1e-5f, out var scale), scale]);
        CheckRows(s, 333, x => [backend.RmsNormGradient(x, x, wide, s.Parameter([.. Enumerable.Repeat(0.3f, x.Rows)]), null)]);
        CheckRows(s, 333, x => [backend.SwiGlu(x, x)]);
        CheckRows(s, 333, x => [backend.Linear(x, wideHead)]);
        CheckRows(s, 333, x => Losses(s, x, wideHead));
    }

    /// <summary>A sequence alone and the same sequence in a batch.</summary>
    [Theory]
    [MemberData(nameof(Levels))]
    public void Attention_does_not_depend_on_the_batch(string level)
    {
        using var backend = Create(level, threads: 2);
        using var s = new Scenario(backend, 4);
        foreach (var heads in new[] { new AttentionHeads(2, 2, 16), new AttentionHeads(6, 2, 64), new AttentionHeads(3, 1, 5) })
        {
            Tensor q = s.Activation(200, heads.QueryHeads * heads.HeadWidth), k = s.Activation(200, heads.KeyValueHeads * heads.HeadWidth);
            Tensor v = s.Activation(200, heads.KeyValueHeads * heads.HeadWidth);
            var all = Attend(q, k, v, AttentionLayout.Sequences([30, 120, 50]));
            var rows = s.Indices([.. Enumerable.Range(30, 120)]);
            Tensor qAlone = s.Keep(backend.GatherRows(q, rows)), kAlone = s.Keep(backend.GatherRows(k, rows)), vAlone = s.Keep(backend.GatherRows(v, rows));
            Assert.Equal(all.Skip(30 * q.Columns).Take(120 * q.Columns), Attend(qAlone, kAlone, vAlone, AttentionLayout.Sequences([120])));

            float[] Attend(Tensor q, Tensor k, Tensor v, AttentionLayout layout)
            {
                using var y = backend.Attention(q, k, v, layout, heads, out var logSumExp);
                logSumExp.Dispose();
                return backend.Read(y);
            }
        }
    }

    [Fact]
    public void Losses_of_a_large_vocabulary_do_not_depend_on_the_size_of_chunks()
    {
        using var whole = new CpuBackend(threads: 2);
        using var chunked = new CpuBackend(threads: 2) { LogitBytes = 4 * 1056 * 20 };
        AssertSame(Scenario.Run(whole, Losses), Scenario.Run(chunked, Losses));

        static void Losses(Scenario s)
        {
            var (x, head, targets) = (s.Activation(151, 32), s.Weight(WeightForm.FourBit, 2500, 32), s.RandomIndices(151, 2500));
            s.Result("losses", s.Backend.TokenLosses(x, head, targets, s.Parameter(151), out var gradient));
            s.Result("dh", gradient!);
        }
    }

    [Fact]
    public void Losses_do_not_depend_on_the_size_of_chunks()
    {
        using var whole = new CpuBackend(threads: 2);
        using var chunked = new CpuBackend(threads: 2) { LogitBytes = 4 * 300 * 20 };
        List<(string Name, float[] Values)> expected = Scenario.Run(whole, Losses), actual = Scenario.Run(chunked, Losses);
        AssertSame(expected[..3], actual[..3]);
        // The head's gradient is a sum over the rows, chunk by chunk: the same up to rounding.
        foreach (var (a, b) in expected[3].Values.Zip(actual[3].Values))
            Assert.Equal(a, b, 1e-5f);

        static void Losses(Scenario s)
        {
            Tensor head = s.Parameter(300, 20), headGradient = s.Parameter(300, 20), weights = s.Parameter(151);
            s.Result("losses alone", s.Backend.TokenLosses(s.Activation(151, 20), s.AsWeight(head), s.RandomIndices(151, 300), null, out _));
            s.Result("losses", s.Backend.TokenLosses(s.Activation(151, 20), s.AsWeight(head), s.RandomIndices(151, 300), weights, out var dh, headGradient));
            s.Result("dh", dh!);
            s.Peek("d head", headGradient);
        }
    }

    /// <summary>As a run is scored while it is trained, and afterwards.</summary>
    [Theory]
    [InlineData(300)]
    [InlineData(5000)]
    public void Losses_are_the_same_with_gradients_and_without(int vocabulary)
    {
        using var backend = new CpuBackend(threads: 2);
        using var s = new Scenario(backend, 5);
        var (x, head, targets) = (s.Activation(40, 64), s.Weight(WeightForm.FourBit, vocabulary, 64), s.RandomIndices(40, vocabulary));
        var alone = backend.Read(s.Keep(backend.TokenLosses(x, head, targets, null, out _)));
        Assert.Equal(alone, backend.Read(s.Keep(backend.TokenLosses(x, head, targets, s.Parameter(40), out var gradient))));
        s.Keep(gradient!);
    }

    private static CpuBackend Create(string level, int threads) => level == Vectors
        ? new CpuBackend(threads, SimdLevel.Vector512, MokaPrecision.BFloat16, new VectorTiles())
        : Enum.TryParse<MokaPrecision>(level, out var precision)
        ? new CpuBackend(threads, SimdLevel.Vector512, precision, new EmulatedTiles())
        : new CpuBackend(threads, Enum.Parse<SimdLevel>(level));

    private static Tensor[] Losses(Scenario s, Tensor x, WeightMatrix head)
    {
        var weights = s.Parameter([.. Enumerable.Repeat(0.7f, x.Rows)]);
        var losses = s.Backend.TokenLosses(x, head, s.Indices([.. Enumerable.Repeat(11, x.Rows)]), weights, out var gradient);
        return [losses, gradient!];
    }

    /// <summary>Runs the kernel on a batch and on its rows, one by one and in pieces.</summary>
    private static void CheckRows(Scenario s, int columns, Func<Tensor, Tensor[]> kernel)
    {
        var backend = s.Backend;
        var x = s.Activation(70, columns);
        var whole = Run(x);
        foreach (var (start, count) in new[] { (0, 1), (69, 1), (33, 1), (3, 2), (5, 8), (20, 13), (7, 50) })
        {
            using var rows = backend.Upload([.. Enumerable.Range(start, count)]);
            using var part = backend.GatherRows(x, rows);
            var results = Run(part);
            for (var i = 0; i < results.Count; i++)
                Assert.Equal(whole[i].Values.Skip(start * whole[i].Columns).Take(count * whole[i].Columns), results[i].Values);
        }

        List<(float[] Values, int Columns)> Run(Tensor input)
        {
            var outputs = kernel(input);
            var results = outputs.Select(o => (backend.Read(o), o.Columns)).ToList();
            foreach (var output in outputs)
                output.Dispose();
            return results;
        }
    }

    private static void AssertSame(List<(string Name, float[] Values)> expected, List<(string Name, float[] Values)> actual)
    {
        for (var i = 0; i < expected.Count; i++)
            Assert.True(expected[i].Values.AsSpan().SequenceEqual(actual[i].Values), $"{expected[i].Name} differs.");
    }

    /// <summary>Each kernel once, with sizes that are cut into several pieces of work.</summary>
    private static void Everything(Scenario s)
    {
        var backend = s.Backend;
        Tensor x = s.Activation(500, 192), dy = s.Activation(500, 64), norm = s.Parameter(192), gradient = s.Parameter(192);
        var weight = s.Weight(WeightForm.FourBitNested, 64, 192);
        var delta = s.Kronecker(64, 192, (8, 8, 2), (4, 16, 1), (-64, 64, 1), (64, 1, 3), (-1, 1, 1));
        s.Result("linear", backend.Linear(x, weight, delta));
        s.Result("linear gradient", backend.LinearInputGradient(dy, weight, delta));
        s.Result("Kronecker", backend.KroneckerProduct(x, delta));
        s.Result("Kronecker gradient", backend.KroneckerInputGradient(dy, delta));
        s.Result("expanded", backend.Expand(weight, delta));
        s.Result("norms of rows", backend.RowNorms(weight, delta));
        s.Result("scaled", backend.ScaleColumns(x, norm, norm));
        s.Result("scaled gradient", backend.ScaleColumnsGradient(x, x, norm, s.Parameter(192), gradient));
        s.Peek("magnitude gradient", gradient);
        var weightGradient = s.Parameter(64, 192);
        backend.AccumulateWeightGradient(dy, x, weightGradient);
        s.Peek("weight gradient", weightGradient);
        var coefficients = s.Parameter(delta.Coefficients.Rows);
        var factors = delta.Groups.Select(g => (g.Left is null ? null : s.Keep(backend.Clone(g.Left)), (Tensor?)s.Keep(backend.Clone(g.Right)))).ToList();
        backend.AccumulateKroneckerGradients(x, dy, delta, new KroneckerGradients(coefficients, factors));
        s.Peek("dc", coefficients);
        foreach (var (left, right) in factors)
        {
            if (left is not null)
                s.Peek("dA", left);
            s.Peek("dB", right!);
        }
        s.Result("norm", backend.RmsNorm(x, norm, 1e-5f, out var scale));
        s.Result("norm gradient", backend.RmsNormGradient(x, x, norm, s.Keep(scale), gradient));
        s.Peek("norm weight gradient", gradient);
        s.Result("sum", backend.Add(x, x));
        s.Result("swiglu", backend.SwiGlu(x, x));
        s.Result("dropped", backend.Dropout(x, 0.3f, 5));
        var layout =
            new AttentionLayout([new(0, 0, 90, []), new(90, 90, 30, [new RowRange(0, 90)]), new(120, 120, 30, [new RowRange(0, 90)]), new(480, 150, 20, [])]);
        var heads = new AttentionHeads(12, 3, 16);
        Tensor k = s.Activation(500, 48), v = s.Activation(500, 48);
        var y = s.Keep(backend.Attention(x, k, v, layout, heads, out var logSumExp));
        s.Peek("attention", y);
        var (dq, dk, dv) = backend.AttentionGradient(x, x, k, v, y, s.Keep(logSumExp), layout, heads);
        s.Result("dq", dq);
        s.Result("dk", dk);
        s.Result("dv", dv);
        var (head, headGradient) = (s.Parameter(300, 192), s.Parameter(300, 192));
        s.Result("losses", backend.TokenLosses(x, s.AsWeight(head), s.RandomIndices(500, 300), s.Parameter(500), out var dh, headGradient));
        s.Result("dh", dh!);
        s.Peek("d head", headGradient);
        var (ids, table) = (s.RandomIndices(500, 20), s.Parameter(20, 192));
        backend.AccumulateEmbeddingGradient(x, ids, table);
        s.Peek("d table", table);
        s.Result("scattered", backend.ScatterRows(x, ids, 20));
        RowRange[] ranges = [new(0, 300), new(300, 1), new(120, 380)];
        s.Result("means", backend.MeanRows(x, ranges));
        s.Result("means' gradient", backend.MeanRowsGradient(s.Parameter(3, 192), ranges, 500));
        s.Result("Σ x²", backend.SumOfSquares(headGradient));
        var large = s.Parameter(300, 500);
        s.Result("Σ x² of many", backend.SumOfSquares(large));
        backend.AdamW(head, headGradient, s.Parameter(300, 192), s.Parameter([.. Enumerable.Repeat(0.3f, 300 * 192)], 192),
            new AdamWStep(0.1f, 0.9f, 0.99f, 1e-8f, 0.1f, 1, 3));
        s.Peek("updated", head);
    }
}
