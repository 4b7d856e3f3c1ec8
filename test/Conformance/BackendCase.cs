using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

/// <summary>A backend that the conformance suite runs on.</summary>
/// <param name="Name">As the test report names it.</param>
/// <param name="Precision">The relative precision of its activations: 2⁻²³ for float32, 2⁻⁸ for bfloat16. Tolerances are multiples of it.</param>
/// <param name="Create">Makes the backend.</param>
/// <param name="BytesInUse">What its tensors and kernels hold at the moment.</param>
internal sealed record BackendCase(string Name, double Precision, Func<Backend> Create, Func<Backend, long> BytesInUse);

/// <summary>The backends of a test project.</summary>
public abstract class BackendCases
{
    internal const double Float32 = 1.0 / (1 << 23);

    internal abstract IReadOnlyList<BackendCase> All { get; }
}
