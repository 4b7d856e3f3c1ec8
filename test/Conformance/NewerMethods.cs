using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

/// <summary>HiRA and MiSS on one map, against their formulas in double precision, written out here.</summary>
public abstract class NewerMethods<TBackends> : Conformance<TBackends>
    where TBackends : BackendCases, new()
{
    private const int Tokens = 5;

    private static readonly MapShape Map = new("map", 24, 36, 0);

    public static TheoryData<string, string> Cases =>
        [.. from tested in Backends from method in (string[])["hira", "miss", "miss, mini"] select (tested.Name, method)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Outputs_gradients_and_merged_weights_are_those_of_the_formula(string name, string method)
    {
        var tested = Find(name);
        using var backend = tested.Create();
        var within = Math.Max(1e-5, 6 * tested.Precision);
        var w = Values(Map.Rows * Map.Columns, 1);
        var (x, dy) = (Values(Tokens * Map.Columns, 2), Values(Tokens * Map.Rows, 3));
        var (options, stored) = Case(method);
        options.TargetModules = [Map.Name];
        var file = SafetensorsFile.Read("stored", SafetensorsWriter.ToBytes(stored.Select(
            tensor => SafetensorsTensor.Of(AdapterTensors.NameOf(Map, tensor.Name), tensor.Values, tensor.Rows, tensor.Columns))));
        var (delta, gradients) = Formula(method, w, stored, x, dy);
        foreach (var twoPaths in (bool[])[false, true])
        {
            using var adapters = AdapterTensors.Load(backend, options, [Map], file);
            var adapter = adapters.Adapters[0];
            using var weight = backend.Upload(new DenseMatrix(Map.Rows, Map.Columns, DenseFormat.Float32, FloatFormats.FromFloats(DenseFormat.Float32, w)));
            using var tape = new Tape(backend, recording: true);
            var input = tape.Own(backend.Upload(TensorKind.Activation, x, Tokens, Map.Columns), requiresGradient: true);

            var y = adapter.Forward(tape, input, weight, new AdapterPass(adapters, twoPaths, null));

            double[] whole = [.. w.Zip(delta, (a, b) => a + b)];
            AssertClose(Product(x, whole), Download(backend, y.Value), within, "y");
            y.AddGradient(backend.Upload(TensorKind.Activation, dy, Tokens, Map.Rows));
            tape.Backward();
            var actual = AdapterTensors.GradientsOf(backend, adapters).ToDictionary(tensor => tensor.Name, tensor => tensor.ToFloats());
            Assert.Equal(stored.Length, actual.Count);
            foreach (var (tensor, values) in gradients)
                AssertClose(values, actual[AdapterTensors.NameOf(Map, tensor)], within, tensor);
            using var merged = adapter.Merge(weight);
            AssertClose(whole, Download(backend, merged), 1e-5, "merged weight");
            using var mergedWeight = backend.AsWeight(merged);
            using var unmerged = adapter.Unmerge(mergedWeight);
            AssertClose([.. w.Select(value => (double)value)], Download(backend, unmerged), 1e-5, "unmerged weight");
        }
    }

    private static (AdapterOptions Options, Stored[] Tensors) Case(string method) => method switch
    {
        "hira" => (
            new HiraAdapter { Rank = 3 },
            [new("hira_A", Values(3 * Map.Columns, 4), 3, Map.Columns), new("hira_B", Values(Map.Rows * 3, 5), Map.Rows, 3)]),
        "miss" => (new MissAdapter { Rank = 9 }, [new("miss_block", Values(9 * Map.Rows, 6), 9, Map.Rows)]),
        _ => (new MissAdapter { Rank = 4, MiniRank = 8 }, [new("miss_block", Values(4 * 8, 7), 4, 8)]),
    };

    /// <summary>ΔW, and the gradients of Σ y ∘ dy by tensor as files have them.</summary>
    private static (double[] Delta, Dictionary<string, double[]> Gradients) Formula(string method, float[] w, Stored[] stored, float[] x, float[] dy)
    {
        var delta = new double[w.Length];
        var gradients = stored.ToDictionary(tensor => tensor.Name, tensor => new double[tensor.Values.Length]);
        for (var o = 0; o < Map.Rows; o++)
            for (var i = 0; i < Map.Columns; i++)
            {
                var (at, slope) = (o * Map.Columns + i, 0.0);
                for (var t = 0; t < Tokens; t++)
                    slope += (double)dy[t * Map.Rows + o] * x[t * Map.Columns + i];
                if (method != "hira")
                {
                    // Input i of a shard, output o of a block.
                    var block = i % stored[0].Rows * stored[0].Columns + o % stored[0].Columns;
                    delta[at] = stored[0].Values[block];
                    gradients[stored[0].Name][block] += slope;
                    continue;
                }
                for (var k = 0; k < 3; k++)
                {
                    double a = stored[0].Values[k * Map.Columns + i], b = stored[1].Values[o * 3 + k];
                    delta[at] += w[at] * b * a;
                    gradients["hira_A"][k * Map.Columns + i] += slope * w[at] * b;
                    gradients["hira_B"][o * 3 + k] += slope * w[at] * a;
                }
            }
        return (delta, gradients);
    }

    private static double[] Product(float[] x, double[] weight)
    {
        var y = new double[Tokens * Map.Rows];
        for (var t = 0; t < Tokens; t++)
            for (var o = 0; o < Map.Rows; o++)
                for (var i = 0; i < Map.Columns; i++)
                    y[t * Map.Rows + o] += x[t * Map.Columns + i] * weight[o * Map.Columns + i];
        return y;
    }

    private static float[] Values(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
    }

    private static float[] Download(Backend backend, Tensor tensor)
    {
        var values = new float[tensor.Length];
        backend.Download(tensor, values);
        return values;
    }

    private static void AssertClose(double[] expected, float[] actual, double within, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        var scale = Math.Max(1, expected.Max(Math.Abs));
        for (var i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= within * scale, $"{what}[{i}] is {actual[i]:g9}, and {expected[i]:g9} is expected.");
    }

    private sealed record Stored(string Name, float[] Values, int Rows, int Columns);
}
