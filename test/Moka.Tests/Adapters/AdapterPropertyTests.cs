using FsCheck;
using FsCheck.Fluent;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Adapters;

/// <summary>Every method with random options on maps of random shapes, primes among them.</summary>
public sealed class AdapterPropertyTests
{
    private const float Deviation = 0.4f;

    private static readonly Gen<int> Size = Gen.OneOf(Gen.Choose(1, 12), Gen.Elements(13, 31, 64, 86, 127), Gen.Choose(2, 9).Select(i => 8 * i));

    private static readonly Gen<(int Rows, int Columns, int Tokens, int Seed)> Cases =
        from rows in Size
        from columns in Size
        from tokens in Gen.Choose(1, 20)
        from seed in Gen.Choose(0, 1 << 20)
        select (rows, columns, tokens, seed);

    [Fact]
    public void Whatever_the_order_of_evaluation_results_are_those_of_double_precision() => Hold(Cases, 150, c =>
    {
        var random = new Random(c.Seed);
        var map = new MapShape("map", c.Rows, c.Columns, 0);
        var options = RandomAdapters.Options(map, random);
        var weight = RandomMatrices.Matrix((WeightForm)random.Next(8), c.Rows, c.Columns, random);
        float[] x = Normal(c.Tokens * c.Columns, random), dy = Normal(c.Tokens * c.Rows, random);
        using var reference = new ReferenceBackend();
        using var cpu = new CpuBackend(threads: 2);
        var expected = Run(reference, map, options, weight, x, dy, twoPaths: false);
        foreach (var twoPaths in (bool[])[false, true])
        {
            var actual = Run(cpu, map, options, weight, x, dy, twoPaths);
            Assert.Equal(expected.Select(e => e.Name), actual.Select(a => a.Name));
            foreach (var (e, a) in expected.Zip(actual))
                AssertClose(e.Values, a.Values, 2e-5, $"{e.Name} of {options.Method}, {(twoPaths ? "two paths" : "fused")}");
        }
        Assert.Equal(0, reference.LiveTensors);
        Assert.Equal(0, cpu.TensorBytes);
    });

    [Fact]
    public void A_batch_of_sequences_of_any_length_is_the_sum_of_them() => Hold(
        from lengths in Gen.NonEmptyListOf(Gen.Choose(2, 20))
        from twoPaths in Gen.Elements(false, true)
        from seed in Gen.Choose(0, 1 << 20)
        select (Lengths: lengths.Take(5).ToArray(), twoPaths, seed),
        25, c =>
        {
            using var backend = new CpuBackend(threads: 2);
            using var backbone = TinyLlama.Frozen(backend);
            var options = RandomAdapters.Options(TinyLlama.Config.LinearMaps.First(), new Random(c.seed));
            options.TargetModules = ["q_proj", "o_proj"];
            using var together = AdapterSet.Create(backend, options, TinyLlama.Config.LinearMaps, new RandomAdapters.Trained(5, 0.2f));
            using var apart = AdapterSet.Create(backend, options, TinyLlama.Config.LinearMaps, new RandomAdapters.Trained(5, 0.2f));
            var pass = new ForwardOptions { TwoPaths = c.twoPaths };
            int[][] sequences = [.. c.Lengths.Select((length, i) => TinyLlama.Ids(length, (ulong)(c.seed + i)))];
            var targets = sequences.Sum(ids => ids.Length - 1);

            // Each step has the mean over its own targets; rows do not depend on who else is in the batch.
            var losses = TinyLlama.Losses(backbone, sequences, together, pass);
            Assert.Equal(losses, sequences.SelectMany(ids => TinyLlama.Losses(backbone, [ids], AdapterSetCopy(backend, options), pass)));
            foreach (var ids in sequences)
            {
                using var one = AdapterSetCopy(backend, options);
                TinyLlama.Losses(backbone, [ids], one, pass);
                foreach (var (sum, part) in apart.Parameters.Zip(one.Parameters))
                {
                    using var share = backend.Upload(
                        TensorKind.Parameter, [.. TinyLlama.Download(backend, part.Gradient).Select(g => g * (ids.Length - 1) / targets)], part.Value.Rows,
                        part.Value.Columns);
                    backend.AddInPlace(sum.Gradient, share);
                }
            }
            foreach (var (expected, actual) in apart.Parameters.Zip(together.Parameters))
                AssertClose(TinyLlama.Download(backend, expected.Gradient), TinyLlama.Download(backend, actual.Gradient), 1e-4, expected.Name);
        });

    [Fact]
    public void Options_that_plan_on_any_map_describe_it_exactly() => Hold(
        from rows in Gen.OneOf(Size, Gen.Elements(1024, 4096, 11008, 14336, 4099))
        from columns in Gen.OneOf(Size, Gen.Elements(1024, 4096, 11008, 14336, 4099))
        from seed in Gen.Choose(0, 1 << 20)
        select (rows, columns, seed),
        200, c =>
        {
            var map = new MapShape("map", c.rows, c.columns, 0);
            var plan = Assert.Single(RandomAdapters.Options(map, new Random(c.seed)).Plan([map]));
            Assert.All(plan.Filters, filter => Assert.Equal((c.rows, c.columns), (filter.Shape.Rows, filter.Shape.Columns)));
            Assert.True(plan.ParameterCount > 0);
        });

    private static List<(string Name, float[] Values)> Run(
        Backend backend, MapShape map, AdapterOptions options, StoredMatrix stored, float[] x, float[] dy, bool twoPaths)
    {
        using var weight = backend.Upload(stored);
        using var adapters = AdapterSet.Create(backend, options, [map], new RandomAdapters.Trained(3, Deviation));
        var adapter = adapters.Adapters[0];
        var results = new List<(string, float[])>();
        var tokens = x.Length / map.Columns;
        using (var tape = new Tape(backend, recording: true))
        {
            var input = tape.Own(backend.Upload(TensorKind.Activation, x, tokens, map.Columns), requiresGradient: true);
            var y = adapter.Forward(tape, input, weight, new AdapterPass(adapters, twoPaths, null));
            results.Add(("y", TinyLlama.Download(backend, y.Value)));
            y.AddGradient(backend.Upload(TensorKind.Activation, dy, tokens, map.Rows));
            tape.Backward();
            using var dx = input.TakeGradient();
            results.Add(("dx", TinyLlama.Download(backend, dx!)));
            y.Dispose();
        }
        foreach (var parameter in adapters.Parameters)
            results.Add(($"gradient of {parameter.Name}", TinyLlama.Download(backend, parameter.Gradient)));
        using var merged = adapter.Merge(weight);
        results.Add(("merged weight", TinyLlama.Download(backend, merged)));
        using var mergedWeight = backend.AsWeight(merged);
        using var again = backend.Upload(TensorKind.Activation, x, tokens, map.Columns);
        using var throughMerged = backend.Linear(again, mergedWeight);
        AssertClose(results[0].Item2, TinyLlama.Download(backend, throughMerged), 2e-5, "y through the merged weight");
        using var unmerged = adapter.Unmerge(mergedWeight);
        using var frozen = backend.Expand(weight);
        // What the update adds is taken away again: its size is what the rounding is relative to.
        AssertClose(TinyLlama.Download(backend, frozen), TinyLlama.Download(backend, unmerged), 2e-5, "unmerged weight", results[^1].Item2);
        return results;
    }

    private static AdapterSet AdapterSetCopy(Backend backend, AdapterOptions options) =>
        AdapterSet.Create(backend, options, TinyLlama.Config.LinearMaps, new RandomAdapters.Trained(5, 0.2f));

    private static float[] Normal(int count, Random random) => [.. Enumerable.Range(0, count).Select(_ => (float)RandomMatrices.Normal(random))];

    private static void AssertClose(float[] expected, float[] actual, double tolerance, string what, float[]? scaleOf = null)
    {
        Assert.Equal(expected.Length, actual.Length);
        var scale = Math.Max(expected.Max(Math.Abs), scaleOf?.Max(Math.Abs) ?? 0) + 1e-3;
        for (var i = 0; i < expected.Length; i++)
            if (!(Math.Abs(expected[i] - actual[i]) <= tolerance * scale))
                Assert.Fail($"{what}: element {i} is {actual[i]:g9}, not {expected[i]:g9}; the largest is {scale:g3}.");
    }

    private static void Hold<T>(Gen<T> cases, int count, Action<T> check) =>
        Prop.ForAll(cases.ToArbitrary(), check).Check(Properties.Settings.WithMaxTest(count));
}
