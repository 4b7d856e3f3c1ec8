using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Tensors.Cpu;

public sealed class CpuLinearTests
{
    [Fact]
    public void ProductAndGradientsAgreeWithTheFormulas()
    {
        using var backend = new CpuBackend();
        const int tokens = 5, m = 7, n = 9;
        var random = new Random(1);
        float[] x = Values(random, tokens * n), w = Values(random, m * n), dy = Values(random, tokens * m);
        using var tx = backend.Upload(TensorKind.Activation, x, tokens, n);
        using var tw = backend.Upload(TensorKind.Parameter, w, m, n);
        using var tdy = backend.Upload(TensorKind.Activation, dy, tokens, m);
        using var weight = backend.AsWeight(tw);
        using var y = backend.Linear(tx, weight);
        using var dx = backend.LinearInputGradient(tdy, weight);
        using var dw = backend.Zeros(TensorKind.Parameter, m, n);
        backend.AccumulateWeightGradient(tdy, tx, dw);

        AssertClose(Sum(tokens, m, n, (t, o, i) => x[t * n + i] * w[o * n + i]), Values(backend, y));
        AssertClose(Sum(tokens, n, m, (t, i, o) => dy[t * m + o] * w[o * n + i]), Values(backend, dx));
        AssertClose(Sum(m, n, tokens, (o, i, t) => dy[t * m + o] * x[t * n + i]), Values(backend, dw));
    }

    private static void AssertClose(double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 1e-5);
    }

    private static float[] Values(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];

    private static double[] Values(CpuBackend backend, Tensor tensor)
    {
        var values = new float[tensor.Length];
        backend.Download(tensor, values);
        return [.. values.Select(v => (double)v)];
    }

    private static double[] Sum(int rows, int columns, int terms, Func<int, int, int, float> term) =>
        [.. from r in Enumerable.Range(0, rows)
            from c in Enumerable.Range(0, columns)
            select Enumerable.Range(0, terms).Sum(k => (double)term(r, c, k))];
}
