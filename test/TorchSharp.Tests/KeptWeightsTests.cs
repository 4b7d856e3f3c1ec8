using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Torch;
using TorchSharp;

namespace Microsoft.ML.Moka.Tests;

/// <summary>What a layer that is computed again expands is used on its way back, and nowhere else.</summary>
public sealed class KeptWeightsTests
{
    private const int Rows = 96;
    private const int Columns = 128;

    public static TheoryData<bool, bool, long> Cases =>
        [.. from coarse in new[] { false, true } from filters in new[] { false, true } from panel in new[] { 1L << 20, 3000 } select (coarse, filters, panel)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void TheGradientHasTheBitsOfAWeightThatIsExpandedAgain(bool coarse, bool filters, long panel)
    {
        using var backend = new TorchBackend(torch.CPU, coarse ? torch.ScalarType.BFloat16 : torch.ScalarType.Float32) { PanelElements = panel };
        using var weight = backend.Upload(Stored());
        using var x = Random(backend, TensorKind.Activation, 7, Columns);
        using var dy = Random(backend, TensorKind.Activation, 7, Rows);
        using var a = Random(backend, TensorKind.Parameter, 2 * 8, 16);
        using var b = Random(backend, TensorKind.Parameter, 2 * (Rows / 8), Columns / 16);
        using var c = Random(backend, TensorKind.Parameter, 2, 1);
        var sum = new KroneckerSum(Rows, Columns, c, [new KroneckerGroup(new FilterShape(8, 16, Rows / 8, Columns / 16), 0, 2, a, b)]);
        var delta = filters ? sum : null;
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var tensors = torch.Tensor.TotalCount;

        var expected = Gradient(delta);
        float[] actual, again, others;
        using (backend.KeepWeights())
        {
            backend.Linear(x, weight, delta).Dispose();
            Assert.True(torch.Tensor.TotalCount > tensors);
            // With other filters it is another weight.
            others = Gradient(filters ? null : sum);
            actual = Gradient(delta);
            again = Gradient(delta);
            backend.Linear(x, weight, delta).Dispose();
        }
        Assert.Equal(tensors, torch.Tensor.TotalCount);
        Assert.Equal(expected, actual);
        Assert.Equal(expected, again);
        Assert.NotEqual(expected, others);
        backend.Linear(x, weight, delta).Dispose();
        Assert.Equal(tensors, torch.Tensor.TotalCount);

        float[] Gradient(KroneckerSum? added)
        {
            using var dx = backend.LinearInputGradient(dy, weight, added);
            return backend.Read(dx);
        }
    }

    /// <summary>A parameter moves on while it is trained, and a weight that is there as it is used needs no copy.</summary>
    [Fact]
    public void WhatIsNotExpandedIsNotKept()
    {
        using var backend = new TorchBackend(torch.CPU, torch.ScalarType.Float32);
        using var parameter = Random(backend, TensorKind.Parameter, Rows, Columns);
        using var trained = backend.AsWeight(parameter);
        using var dense = backend.Upload(Dense());
        using var x = Random(backend, TensorKind.Activation, 3, Columns);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var tensors = torch.Tensor.TotalCount;
        using var kept = backend.KeepWeights();
        backend.Linear(x, trained).Dispose();
        backend.Linear(x, dense).Dispose();
        Assert.Equal(tensors, torch.Tensor.TotalCount);
    }

    private static DenseMatrix Dense()
    {
        var values = new float[Rows * Columns];
        new SeededRandom(1, "weight").FillNormal(values, 1);
        return new DenseMatrix(
            Rows, Columns, DenseFormat.Float32, System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()).ToArray());
    }

    private static StoredMatrix Stored() => Quantizer.Quantize(Dense(), new(BackboneQuantization.NF4), "weight");

    private static Tensor Random(TorchBackend backend, TensorKind kind, int rows, int columns)
    {
        var values = new float[rows * columns];
        new SeededRandom(2, $"{kind} {rows} {columns}").FillNormal(values, 1);
        return backend.Upload(kind, values, rows, columns);
    }
}
