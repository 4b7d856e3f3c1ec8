using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Tests.Tensors;

/// <summary>
/// A backend that the conformance suite runs on. The list <see cref="All"/>, in a file of its own, is the one place that differs between the projects that run
/// it.
/// </summary>
/// <param name="Name">As the test report names it.</param>
/// <param name="Precision">The relative precision of its activations: 2⁻²³ for float32, 2⁻⁸ for bfloat16. Tolerances are multiples of it.</param>
/// <param name="Create">Makes the backend.</param>
/// <param name="BytesInUse">What its tensors and kernels hold at the moment.</param>
internal sealed partial record BackendCase(string Name, double Precision, Func<Backend> Create, Func<Backend, long> BytesInUse)
{
    /// <summary>The names of all backends, for theories.</summary>
    public static TheoryData<string> Names => [.. All.Select(c => c.Name)];

    public static BackendCase Find(string name) => All.Single(c => c.Name == name);
}
