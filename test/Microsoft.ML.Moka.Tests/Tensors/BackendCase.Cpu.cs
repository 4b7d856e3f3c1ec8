using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Tensors;

internal sealed partial record BackendCase
{
    private const double Float32 = 1.0 / (1 << 23);

    public static IReadOnlyList<BackendCase> All { get; } =
    [
        .. Enum.GetValues<SimdLevel>().Where(level => level <= SimdLevels.Best).Select(level =>
            new BackendCase($"cpu {level}", Float32, () => new CpuBackend(threads: 2, level), backend => ((CpuBackend)backend).TensorBytes)),
    ];
}
