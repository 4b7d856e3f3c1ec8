using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Torch;
using TorchSharp;

namespace Microsoft.ML.Moka.Tests;

public sealed class AttentionTests
{
    private static readonly AttentionHeads Heads = new(4, 2, 8);

    /// <summary>A padded row is left out of the results, and all the same it must hold numbers: some products let a NaN into the row before.</summary>
    [Fact]
    public void PaddedQueriesHaveNumbersToo()
    {
        using var backend = new TorchBackend(torch.CPU, torch.ScalarType.BFloat16);
        using var layout = AttentionLayout.Sequences([33, 37, 40]);
        var group = Assert.Single(backend.GroupsOf(layout, Heads));
        using var q = Ones(32);
        using var k = Ones(16);
        using var scope = torch.NewDisposeScope();
        var probabilities = group.Probabilities(
            group.Queries(((DeviceTensor)q).Elements, Heads), group.Keys(((DeviceTensor)k).Elements, Heads), Heads);
        Assert.True(probabilities.isfinite().all().item<bool>());

        Tensor Ones(int columns) => backend.Upload(TensorKind.Activation, Enumerable.Repeat(1f, 110 * columns).ToArray(), 110, columns);
    }

    public static TheoryData<int> Layouts => new(Enumerable.Range(0, AllLayouts.Length));

    private static AttentionLayout[] AllLayouts =>
    [
        AttentionLayout.Sequences([24, 24, 24]),
        AttentionLayout.Sequences([20, 24, 28]),
        AttentionLayout.Sequences([24, 24, 24]).Within(5),
        new([new AttentionSpan(0, 0, 40, []), new AttentionSpan(40, 40, 16, [new RowRange(0, 40)]), new AttentionSpan(56, 56, 16, [new RowRange(0, 40)])]),
    ];

    /// <summary>What a GPU uses, here on PyTorch's CPU device.</summary>
    [Theory, MemberData(nameof(Layouts))]
    public void FusedAttentionGivesWhatTheProductsGive(int number)
    {
        using var plain = new TorchBackend(torch.CPU, torch.ScalarType.Float32);
        using var fused = new TorchBackend(torch.CPU, torch.ScalarType.Float32) { FusesAttention = true };
        var expected = Attended(plain, AllLayouts[number]);
        var actual = Attended(fused, AllLayouts[number]);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 2e-6f));
    }

    [Fact]
    public void WhatALayoutKeepsOnTheDeviceGoesWithIt()
    {
        using var backend = new TorchBackend(torch.CPU, torch.ScalarType.Float32);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var tensors = torch.Tensor.TotalCount;
        foreach (var layout in AllLayouts)
        {
            Attended(backend, layout);
            Assert.True(torch.Tensor.TotalCount > tensors);
            layout.Dispose();
            Assert.Equal(tensors, torch.Tensor.TotalCount);
        }
    }

    private static float[] Attended(TorchBackend backend, AttentionLayout layout)
    {
        var random = new SeededRandom(1, "attention");
        using var q = Random(32);
        using var k = Random(16);
        using var v = Random(16);
        using var y = backend.Attention(q, k, v, layout, Heads, out var statistics);
        statistics.Dispose();
        var values = new float[y.Length];
        backend.Download(y, values);
        return values;

        Tensor Random(int columns)
        {
            var elements = new float[72 * columns];
            random.FillNormal(elements, 1);
            return backend.Upload(TensorKind.Activation, elements, 72, columns);
        }
    }
}
