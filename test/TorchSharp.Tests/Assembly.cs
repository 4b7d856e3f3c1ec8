using System.Reflection;
using Microsoft.ML.Moka.Tests;
using Microsoft.ML.Moka.Torch;
using Xunit.v3;

// Live tensors of PyTorch are counted for the process: one test at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
[assembly: NeedsPyTorch]

namespace Microsoft.ML.Moka.Tests;

/// <summary>Skips every test with the reason where PyTorch does not load.</summary>
[AttributeUsage(AttributeTargets.Assembly)]
public sealed class NeedsPyTorchAttribute : BeforeAfterTestAttribute
{
    public override void Before(MethodInfo methodUnderTest, IXunitTest test) =>
        Assert.SkipWhen(NativeLibraries.Problem is not null, NativeLibraries.Problem ?? "");
}
