using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Tensors.Cpu.Tiles;

namespace Microsoft.ML.Moka.Tests.Tensors.Cpu.Tiles;

/// <summary>Products that are cut into several chunks of the depth, groups of panels, bands of rows and parts for threads.</summary>
public sealed class AmxProductTests
{
    // Rows, inputs, outputs: chunks begin behind 576 inputs, groups behind 16 panels of 32 outputs, bands behind 512 rows.
    private static readonly (int Rows, int Inputs, int Outputs)[] Shapes =
        [(1, 1300, 70), (33, 600, 600), (520, 64, 33), (64, 1153, 576), (1030, 40, 16), (530, 700, 545)];

    public static TheoryData<MokaPrecision> Precisions => [MokaPrecision.Split, MokaPrecision.BFloat16];

    public AmxProductTests() => Assert.SkipWhen(SimdLevels.Best < SimdLevel.Vector512, "No AVX-512, which what stands around the tiles needs.");

    /// <summary>The bounds that the documentation gives.</summary>
    [Theory]
    [MemberData(nameof(Precisions))]
    public void Errors_stay_within_the_bounds(MokaPrecision precision)
    {
        using var backend = Create(precision);
        using var s = new Scenario(backend, 5);
        foreach (var (rows, inputs, outputs) in Shapes)
        {
            Tensor x = s.Activation(rows, inputs), w = s.Parameter(outputs, inputs), dy = s.Activation(rows, outputs);
            float[] xs = backend.Read(x), ws = backend.Read(w), dys = backend.Read(dy);
            var gradient = s.Parameter(outputs, inputs);
            var before = backend.Read(gradient);
            using var y = backend.Linear(x, s.AsWeight(w));
            using var dx = backend.LinearInputGradient(dy, s.AsWeight(w));
            backend.AccumulateWeightGradient(dy, x, gradient);
            Check(precision, backend.Read(y), outputs, (t, o) => Sum(inputs, k => (double)xs[t * inputs + k] * ws[o * inputs + k]));
            Check(precision, backend.Read(dx), inputs, (t, i) => Sum(outputs, k => (double)dys[t * outputs + k] * ws[k * inputs + i]));
            Check(precision, backend.Read(gradient), inputs,
                (o, i) => before[o * inputs + i] + Sum(rows, k => (double)dys[k * outputs + o] * xs[k * inputs + i]));
        }

        static double Sum(int count, Func<int, double> term)
        {
            var sum = 0.0;
            for (var k = 0; k < count; k++)
                sum += term(k);
            return sum;
        }
    }

    [Theory]
    [MemberData(nameof(Precisions))]
    public void Neither_threads_nor_the_rows_beside_it_change_a_row(MokaPrecision precision)
    {
        foreach (var (rows, inputs, outputs) in Shapes)
        {
            var expected = Run(1, 0, rows);
            foreach (var threads in (int[])[2, 7])
                Assert.Equal(expected, Run(threads, 0, rows));
            foreach (var (first, count) in ((int, int)[])[(0, 1), (rows / 2, 1), (rows - 1, 1), (rows / 3, rows / 2)])
                Assert.Equal(expected[(first * outputs)..((first + count) * outputs)], Run(3, first, count));

            float[] Run(int threads, int first, int count)
            {
                using var backend = Create(precision, threads);
                using var s = new Scenario(backend, 6);
                var weight = s.Weight(WeightForm.FourBit, outputs, inputs);
                var x = s.Activation(rows, inputs);
                using var part = backend.GatherRows(x, s.Indices([.. Enumerable.Range(first, count)]));
                using var y = backend.Linear(part, weight);
                return backend.Read(y);
            }
        }
    }

    /// <summary>The whole of a product, with what is packed and stored, on the processor's tiles and on emulated ones.</summary>
    [Theory]
    [MemberData(nameof(Precisions))]
    public void The_processors_tiles_give_the_emulations_bits(MokaPrecision precision)
    {
        Assert.SkipWhen(TileDetection.AmxProblem is not null, $"No AMX: {TileDetection.AmxProblem}.");
        Assert.Equal(Run(new EmulatedTiles()), Run(TileDetection.Amx!));

        List<(string, float[])> Run(TileUnit tiles)
        {
            using var backend = new CpuBackend(threads: 2, SimdLevel.Vector512, precision, tiles);
            return Scenario.Run(backend, s =>
            {
                foreach (var (rows, inputs, outputs) in Shapes)
                {
                    var weight = s.Weight(WeightForm.FourBitNested, outputs, inputs);
                    s.Result("y", backend.Linear(s.Activation(rows, inputs), weight));
                    s.Result("dx", backend.LinearInputGradient(s.Activation(rows, outputs), weight));
                }
            });
        }
    }

    [Theory]
    [MemberData(nameof(Precisions))]
    public void What_is_packed_once_gives_the_same_bits_and_goes_again(MokaPrecision precision)
    {
        var tiles = new EmulatedTiles();
        using var backend = new CpuBackend(threads: 2, SimdLevel.Vector512, precision, tiles);
        using var s = new Scenario(backend, 7);
        var x = s.Activation(70, 200);
        WeightMatrix[] weights = [s.Weight(WeightForm.FourBit, 64, 200), s.Weight(WeightForm.DenseF32, 30, 200)];
        var expected = weights.Select(Product).ToList();
        var bytes = backend.TensorBytes;
        using (backend.Reuse(x))
        using (backend.Reuse(x))
        {
            Assert.Equal(expected, weights.Select(Product));
            Assert.True(backend.TensorBytes > bytes);
            // What was packed in another precision is not taken.
            backend.Precision = precision == MokaPrecision.Split ? MokaPrecision.BFloat16 : MokaPrecision.Split;
            Assert.NotEqual(expected, weights.Select(Product));
            backend.Precision = precision;
        }
        Assert.Equal(bytes, backend.TensorBytes);
        // The next tensor of that shape takes the same memory: nothing of the old one may be left.
        backend.AddInPlace(x, x);
        Assert.Equal(expected.Select(values => values.Select(value => 2 * value)), weights.Select(Product));

        float[] Product(WeightMatrix weight)
        {
            using var y = backend.Linear(x, weight);
            return backend.Read(y);
        }
    }

    [Fact]
    public void Each_view_computes_in_its_own_precision()
    {
        var tiles = new EmulatedTiles();
        using var backend = new CpuBackend(threads: 1, SimdLevel.Vector512, MokaPrecision.Float32, tiles);
        using var s = new Scenario(backend, 8);
        var (x, weight) = (s.Activation(9, 90), s.Weight(WeightForm.FourBit, 40, 90));
        var view = backend.CreateView();
        view.Precision = MokaPrecision.BFloat16;
        var whole = Product(backend);
        Assert.Equal((0, MokaPrecision.Split, null), (tiles.Calls, backend.UsualPrecision, backend.PrecisionProblem));
        Assert.NotEqual(whole, Product(view));
        Assert.True(tiles.Calls > 0);
        Assert.Contains("AMX BFloat16", view.Description, StringComparison.Ordinal);
        view.Precision = MokaPrecision.Float32;
        Assert.Equal(whole, Product(view));
        view.Dispose();
        Assert.Equal(whole, Product(backend));

        float[] Product(Backend on)
        {
            using var y = on.Linear(x, weight);
            return on.Read(y);
        }
    }

    [Fact]
    public void Without_512_bits_there_are_no_tiles()
    {
        using var backend = new CpuBackend(threads: 1, SimdLevel.Vector256, MokaPrecision.Split, new EmulatedTiles());
        Assert.Equal((MokaPrecision.Float32, MokaPrecision.Float32), (backend.Precision, backend.UsualPrecision));
        Assert.NotNull(backend.PrecisionProblem);
    }

    private static CpuBackend Create(MokaPrecision precision, int threads = 2) => new(threads, SimdLevel.Vector512, precision, new EmulatedTiles());

    private static void Check(MokaPrecision precision, float[] actual, int columns, Func<int, int, double> expected)
    {
        var random = new Random(1);
        double errors = 0, squares = 0, largest = 0;
        const int Count = 600;
        for (var i = 0; i < Count; i++)
        {
            var at = random.Next(actual.Length);
            var value = expected(at / columns, at % columns);
            var error = Math.Abs(actual[at] - value);
            errors += error * error;
            squares += value * value;
            largest = Math.Max(largest, error);
        }
        var (typical, highest) = precision == MokaPrecision.Split ? (8e-6, 5e-5) : (4e-3, 2e-2);
        Assert.InRange(Math.Sqrt(errors / squares), 0, typical);
        Assert.InRange(largest / Math.Sqrt(squares / Count), 0, highest);
    }
}
