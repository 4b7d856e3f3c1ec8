using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests;

/// <summary>The CPU backend with every instruction set that this machine has.</summary>
public sealed class CpuBackends : BackendCases
{
    internal override IReadOnlyList<BackendCase> All { get; } =
    [
        .. Enum.GetValues<SimdLevel>().Where(level => level <= SimdLevels.Best).Select(level =>
            new BackendCase($"cpu {level}", Float32, () => new CpuBackend(threads: 2, level), backend => ((CpuBackend)backend).TensorBytes)),
    ];
}
