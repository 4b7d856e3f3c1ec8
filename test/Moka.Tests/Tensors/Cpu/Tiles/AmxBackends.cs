using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Tensors.Cpu.Tiles;

namespace Microsoft.ML.Moka.Tests.Tensors.Cpu.Tiles;

/// <summary>
/// The CPU backend with products on tiles, in both precisions: on emulated tiles wherever there are vectors of 512 bits, on the processor's own where it
/// has them, and on its vectors of bfloat16.
/// </summary>
public sealed class AmxBackends : BackendCases
{
    /// <summary>
    /// The unit of the bounds: a product in Split is 5·10⁻⁶ of its typical size off, one in BFloat16 2·10⁻³ (root mean square).
    /// </summary>
    private const double SplitPrecision = 1.0 / (1 << 18);
    private const double BFloat16Precision = 1.0 / (1 << 8);

    internal override IReadOnlyList<BackendCase> All { get; } = SimdLevels.Best < SimdLevel.Vector512 ? [] :
    [
        .. Cases("emulated tiles", () => new EmulatedTiles()),
        .. TileDetection.Amx is { } tiles ? Cases("processor's tiles", () => tiles) : [],
        .. VectorTiles.IsSupported ? Cases("vectors", () => new VectorTiles()) : [],
    ];

    private static IEnumerable<BackendCase> Cases(string unit, Func<TileUnit> tiles) =>
        from precision in (MokaPrecision[])[MokaPrecision.Split, MokaPrecision.BFloat16]
        where precision == MokaPrecision.BFloat16 || tiles().HasSplit
        select new BackendCase(
            $"{precision}, {unit}", precision == MokaPrecision.Split ? SplitPrecision : BFloat16Precision,
            () => new CpuBackend(threads: 2, SimdLevel.Vector512, precision, tiles()), backend => ((CpuBackend)backend).TensorBytes);
}
