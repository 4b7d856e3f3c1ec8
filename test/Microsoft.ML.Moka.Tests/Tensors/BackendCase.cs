using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Tensors;

/// <summary>
/// A backend that the conformance suite runs on. The list <see cref="All"/> is the one place to extend for another device.
/// </summary>
/// <param name="Name">As the test report names it.</param>
/// <param name="Precision">The relative precision of its activations: 2⁻²³ for float32, 2⁻⁸ for bfloat16. Tolerances are multiples of it.</param>
/// <param name="Create">Makes the backend.</param>
/// <param name="BytesInUse">What its tensors and kernels hold at the moment.</param>
internal sealed record BackendCase(string Name, double Precision, Func<Backend> Create, Func<Backend, long> BytesInUse)
{
    private const double Float32 = 1.0 / (1 << 23);

    public static IReadOnlyList<BackendCase> All { get; } =
    [
        .. Enum.GetValues<SimdLevel>().Where(level => level <= SimdLevels.Best).Select(level => new BackendCase($"cpu {level}", Float32, () => new CpuBackend(threads: 2, level), backend => ((CpuBackend)backend).TensorBytes)),
    ];

    /// <summary>The names of all backends, for theories.</summary>
    public static TheoryData<string> Names => [.. All.Select(c => c.Name)];

    public static BackendCase Find(string name) => All.Single(c => c.Name == name);
}
