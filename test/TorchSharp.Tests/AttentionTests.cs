using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Torch;
using TorchSharp;

namespace Microsoft.ML.Moka.Tests;

public sealed class AttentionTests
{
    /// <summary>A padded row is left out of the results, and all the same it must hold numbers: some products let a NaN into the row before.</summary>
    [Fact]
    public void PaddedQueriesHaveNumbersToo()
    {
        using var backend = new TorchBackend(torch.CPU, torch.ScalarType.BFloat16);
        var heads = new AttentionHeads(4, 2, 8);
        var layout = AttentionLayout.Sequences([33, 37, 40]);
        var group = Assert.Single(AttentionPlan.Of(layout, mostScores: 1 << 20).Groups);
        Assert.Contains(0, group.Seen);
        using var q = Ones(32);
        using var k = Ones(16);
        using var scope = torch.NewDisposeScope();
        var scores = backend.Select(group, q, k, k, heads).Scores(heads);
        Assert.True(scores.isfinite().all().item<bool>());
        Assert.True(scores.sub(scores.logsumexp(-1, keepdim: true)).exp().isfinite().all().item<bool>());

        Tensor Ones(int columns) => backend.Upload(TensorKind.Activation, Enumerable.Repeat(1f, 110 * columns).ToArray(), 110, columns);
    }
}
