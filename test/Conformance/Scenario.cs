using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

/// <summary>
/// One piece of work on a backend, written once and run on the reference and on another backend with the same random inputs:
/// <see cref="Result"/> collects what is compared.
/// </summary>
internal sealed class Scenario(Backend backend, int seed) : IDisposable
{
    private readonly Random _random = new(seed);
    private readonly List<IDisposable> _inputs = [];

    public Backend Backend => backend;

    public List<(string Name, float[] Values)> Results { get; } = [];

    /// <summary>
    /// Runs the work on the reference and on another backend and compares all results within <paramref name="tolerance"/> units of precision.
    /// </summary>
    public static void Check(BackendCase tested, double tolerance, Action<Scenario> work, int seed = 1)
    {
        using var reference = new ReferenceBackend();
        var expected = Run(reference, work, seed);
        Assert.Equal(0, reference.LiveTensors);
        using var backend = tested.Create();
        var actual = Run(backend, work, seed);
        Assert.Equal(0, tested.BytesInUse(backend));
        Assert.NotEmpty(expected);
        Assert.Equal(expected.Select(r => r.Name), actual.Select(r => r.Name));
        for (var i = 0; i < expected.Count; i++)
            Close.Check(expected[i].Values, actual[i].Values, tolerance * tested.Precision, expected[i].Name);
    }

    /// <summary>Runs the work on a new backend of the case and returns the results.</summary>
    public static List<(string Name, float[] Values)> Run(Backend backend, Action<Scenario> work, int seed = 1)
    {
        using var scenario = new Scenario(backend, seed);
        work(scenario);
        return scenario.Results;
    }

    // Inputs, disposed with the scenario

    public Tensor Activation(int rows, int columns, double scale = 1) =>
        Keep(backend.Upload(TensorKind.Activation, Normal(rows * columns, scale), rows, columns));

    public Tensor Parameter(int rows, int columns = 1, double scale = 1) =>
        Keep(backend.Upload(TensorKind.Parameter, Normal(rows * columns, scale), rows, columns));

    public Tensor Parameter(float[] values, int columns = 1) => Keep(backend.Upload(TensorKind.Parameter, values, values.Length / columns, columns));

    public Tensor RandomIndices(int count, int limit) => Indices([.. Enumerable.Range(0, count).Select(_ => _random.Next(limit))]);

    public Tensor Indices(params int[] values) => Keep(backend.Upload(values));

    public WeightMatrix Weight(WeightForm format, int rows, int columns)
    {
        var weight = backend.Upload(RandomMatrices.Matrix(format, rows, columns, _random));
        _inputs.Add(weight);
        return weight;
    }

    public WeightMatrix AsWeight(Tensor parameter)
    {
        var weight = backend.AsWeight(parameter);
        _inputs.Add(weight);
        return weight;
    }

    /// <summary>A random Kronecker sum; groups are (m_a, n_a, count), a negative m_a stands for an identity of that size.</summary>
    public KroneckerSum Kronecker(int rows, int columns, params (int LeftRows, int LeftColumns, int Count)[] groups)
    {
        var list = new List<KroneckerGroup>();
        var first = 0;
        foreach (var (leftRows, leftColumns, count) in groups)
        {
            var shape = new FilterShape(Math.Abs(leftRows), leftColumns, rows / Math.Abs(leftRows), columns / leftColumns);
            var left = leftRows < 0 ? null : Parameter(count * shape.LeftRows, shape.LeftColumns);
            list.Add(new KroneckerGroup(shape, first, count, left, Parameter(count * shape.RightRows, shape.RightColumns)));
            first += count;
        }
        return new KroneckerSum(rows, columns, Parameter(first, scale: 0.3), list);
    }

    public int Next(int limit) => _random.Next(limit);

    public float[] Normal(int count, double scale = 1) => [.. Enumerable.Range(0, count).Select(_ => (float)(scale * RandomMatrices.Normal(_random)))];

    // Results

    /// <summary>Takes ownership of a kernel's output and compares it.</summary>
    public void Result(string name, Tensor tensor)
    {
        Peek(name, tensor);
        tensor.Dispose();
    }

    /// <summary>Compares a tensor that somebody else disposes.</summary>
    public void Peek(string name, Tensor tensor) => Results.Add(($"{name} [{tensor.Rows}, {tensor.Columns}]", backend.Read(tensor)));

    public void Result(string name, double value) => Results.Add((name, [(float)value]));

    public void Dispose()
    {
        foreach (var input in _inputs)
            input.Dispose();
    }

    public Tensor Keep(Tensor tensor)
    {
        _inputs.Add(tensor);
        return tensor;
    }
}

internal static class BackendReading
{
    /// <summary>All elements of a tensor.</summary>
    public static float[] Read(this Backend backend, Tensor tensor)
    {
        var values = new float[tensor.Length];
        backend.Download(tensor, values);
        return values;
    }
}

/// <summary>Comparison of arrays by element, relative to the element and to the typical size of those that are not zero.</summary>
internal static class Close
{
    public static void Check(IReadOnlyList<float> expected, IReadOnlyList<float> actual, double tolerance, string name)
    {
        Assert.Equal(expected.Count, actual.Count);
        var typical = Math.Sqrt(expected.Sum(v => (double)v * v) / Math.Max(1, expected.Count(v => v != 0)));
        for (var i = 0; i < expected.Count; i++)
        {
            var error = Math.Abs((double)expected[i] - actual[i]);
            // What lies below the smallest normal float is nothing.
            if (!(error <= tolerance * (Math.Abs(expected[i]) + typical) + 1e-37))
                Assert.Fail($"{name}: element {i} is {actual[i]:R}, not {expected[i]:R}; typical size {typical:G3}, tolerance {tolerance:G3}.");
        }
    }
}
