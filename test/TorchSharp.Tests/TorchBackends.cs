using Microsoft.ML.Moka.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Moka.Tests;

/// <summary>PyTorch's CPU device in both types, weights expanded whole and in small panels, and CUDA where there is a GPU.</summary>
public sealed class TorchBackends : BackendCases
{
    /// <summary>bfloat16 rounds by 2⁻⁸; here inputs are rounded as well as results.</summary>
    private const double BFloat16 = 1.0 / (1 << 7);

    internal override IReadOnlyList<BackendCase> All { get; } =
    [
        Of("torch cpu", Float32, () => new TorchBackend(CPU, ScalarType.Float32)),
        Of("torch cpu, small panels", Float32, () => new TorchBackend(CPU, ScalarType.Float32)
        {
            PanelElements = 500,
            LogitBytes = 4000,
            ScoreBytes = 4000,
            StagingBytes = 1000,
        }),
        Of("torch cpu bfloat16", BFloat16, () => new TorchBackend(CPU, ScalarType.BFloat16)),
        .. NativeLibraries.Problem is null && cuda.is_available()
            ?
            [
                Of("torch cuda", Float32, () => new TorchBackend(CUDA, ScalarType.Float32)),
                Of("torch cuda bfloat16", BFloat16, () => new TorchBackend(CUDA, ScalarType.BFloat16)),
            ]
            : Array.Empty<BackendCase>(),
    ];

    private static BackendCase Of(string name, double precision, Func<TorchBackend> create) =>
        new(name, precision, create, backend => ((TorchBackend)backend).TensorBytes);
}
