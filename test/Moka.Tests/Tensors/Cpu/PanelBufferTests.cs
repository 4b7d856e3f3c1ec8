using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Tensors.Cpu.Memory;
using Microsoft.ML.Moka.Tensors.Cpu.Products;
using Microsoft.ML.Moka.Tensors.Cpu.Weights;

namespace Microsoft.ML.Moka.Tests.Tensors.Cpu;

/// <summary>Panels that do not fill all lanes hold nothing of what the pool's memory held before.</summary>
public sealed unsafe class PanelBufferTests
{
    /// <summary>The smallest denormal number: a vector instruction that meets one takes a hundred cycles more.</summary>
    private const uint Denormal = 1;

    private const int Depth = 64;

    public static TheoryData<WeightForm, bool, string> Cases =>
    [
        .. from form in Enum.GetValues<WeightForm>()
           from lanesAreRows in (bool[])[true, false]
           from level in Enum.GetValues<SimdLevel>()
           where level <= SimdLevels.Best
           select (form, lanesAreRows, level.ToString()),
    ];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Narrow_panels_hold_no_leftovers(WeightForm form, bool lanesAreRows, string level)
    {
        var simd = Enum.Parse<SimdLevel>(level);
        var kernels = MatrixKernels.For(simd);
        using var pool = new MemoryPool();
        for (var lanes = 1; lanes <= kernels.Lanes; lanes++)
        {
            var matrix = lanesAreRows ? RandomMatrices.Matrix(form, lanes, Depth, new Random(5)) : RandomMatrices.Matrix(form, Depth, lanes, new Random(5));
            using var weight = CpuWeight.Create(matrix, simd);
            var expected = new float[lanes * Depth];
            fixed (float* elements = expected)
                weight.Expand(0, weight.Rows, 0, weight.Columns, elements, weight.Columns);
            Poison(pool, kernels);
            using var buffer = new PanelBuffer(kernels, new PanelSource(weight, null, lanesAreRows, lanes), pool, Depth);
            buffer.Fill(0, lanes, 0, Depth);
            for (var k = 0; k < Depth; k++)
                for (var lane = 0; lane < kernels.Lanes; lane++)
                {
                    var value = buffer.Panel[k * kernels.Lanes + lane];
                    if (lane < lanes)
                        Assert.Equal(lanesAreRows ? expected[lane * Depth + k] : expected[k * lanes + lane], value);
                    else
                        Assert.True(value == 0 || float.IsNormal(value), $"Lane {lane} of {lanes} at {k} is {value:R}.");
                }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Narrow_products_are_the_same_bits_whatever_the_memory_held(WeightForm form, bool lanesAreRows, string level)
    {
        var simd = Enum.Parse<SimdLevel>(level);
        foreach (var lanes in (int[])[1, 5, 16, 17, 31])
            Assert.Equal(Product(lanes, 0), Product(lanes, Denormal));

        float[] Product(int lanes, uint bits)
        {
            using var backend = new CpuBackend(threads: 1, simd);
            using var s = new Scenario(backend, 9);
            var weight = lanesAreRows ? s.Weight(form, lanes, Depth) : s.Weight(form, Depth, lanes);
            var x = s.Activation(9, Depth);
            (lanesAreRows ? backend.Linear(x, weight) : backend.LinearInputGradient(x, weight)).Dispose();
            backend.FillFreeMemory(bits);
            using var y = lanesAreRows ? backend.Linear(x, weight) : backend.LinearInputGradient(x, weight);
            return backend.Read(y);
        }
    }

    private static void Poison(MemoryPool pool, MatrixKernels kernels)
    {
        var bytes = 4L * ((long)Depth * kernels.Lanes + kernels.FillScratch);
        var block = pool.Rent(bytes);
        new Span<uint>(block, (int)(bytes / 4)).Fill(Denormal);
        pool.Return(block, bytes);
    }
}
