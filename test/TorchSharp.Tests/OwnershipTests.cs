using Microsoft.ML.Moka.Conformance;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Torch;
using TorchSharp;

namespace Microsoft.ML.Moka.Tests;

/// <summary>What a backend makes on its way is freed by whoever made it: a machine with much memory may not collect for a long time.</summary>
public sealed class OwnershipTests
{
    public static TheoryData<WeightForm> Forms => [.. Enum.GetValues<WeightForm>()];

    [Theory]
    [MemberData(nameof(Forms))]
    public void AWeightThatIsUsedAndFreedLeavesNoTensors(WeightForm form)
    {
        var matrix = RandomMatrices.Matrix(form, 96, 64, new Random(3));
        using var backend = new TorchBackend(torch.CPU, torch.ScalarType.BFloat16);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = torch.Tensor.TotalCount;
        using (var weight = backend.Upload(matrix))
        using (var x = backend.Upload(TensorKind.Activation, new float[3 * 64], 3, 64))
        using (var y = backend.Linear(x, weight))
            backend.LinearInputGradient(y, weight).Dispose();
        Assert.Equal(before, torch.Tensor.TotalCount);
    }
}
