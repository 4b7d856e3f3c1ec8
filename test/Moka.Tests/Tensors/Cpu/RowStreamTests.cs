using Microsoft.ML.Moka.Conformance;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Tensors.Cpu.Products;
using Microsoft.ML.Moka.Tensors.Cpu.Weights;

namespace Microsoft.ML.Moka.Tests.Tensors.Cpu;

/// <summary>Few rows, which are multiplied as weights stream by, have the bits that they have among others; and both are right.</summary>
public sealed unsafe class RowStreamTests
{
    private static readonly SimdLevel[] Levels = [.. Enum.GetValues<SimdLevel>().Where(level => level <= SimdLevels.Best)];

    public static TheoryData<WeightForm, string> Cases =>
        [.. from form in Enum.GetValues<WeightForm>() from level in Levels select (form, level.ToString())];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Few_rows_have_the_bits_of_rows_among_others(WeightForm form, string level)
    {
        var random = new Random(7);
        // Whole panels and parts, one block of the depth and several, depths that are whole blocks of codes, of their halves and of neither.
        foreach (var (rows, columns) in (ReadOnlySpan<(int, int)>)[(96, 64), (5, 32), (33, 320), (131, 576), (64, 832), (47, 96), (40, 70), (3, 2048)])
        {
            var stored = RandomMatrices.Matrix(form, rows, columns, random);
            float[] x = [.. Enumerable.Range(0, 13 * columns).Select(_ => (float)(random.NextDouble() - 0.5))];
            using var backend = new CpuBackend(threads: 3, Enum.Parse<SimdLevel>(level));
            using var weight = (CpuWeight)backend.Upload(stored);
            var values = new float[rows * columns];
            fixed (float* expanded = values)
                weight.Expand(0, rows, 0, columns, expanded, columns);
            using var all = backend.Upload(TensorKind.Activation, x, 13, columns);
            using var expected = backend.Linear(all, weight);
            var among = Download(backend, expected);
            foreach (var (row, count) in (ReadOnlySpan<(int, int)>)[(0, 1), (12, 1), (3, 2), (1, 3), (5, 4), (4, 5), (0, 6), (6, 7), (2, 8), (4, 9)])
            {
                using var few = backend.Upload(TensorKind.Activation, x.AsSpan(row * columns, count * columns), count, columns);
                using var y = backend.Linear(few, weight);
                using (backend.BeginBurst())
                using (var inBurst = backend.Linear(few, weight))
                    Assert.Equal(Download(backend, y), Download(backend, inBurst));
                Assert.Equal(among[(row * rows)..((row + count) * rows)], Download(backend, y));
            }
            for (var i = 0; i < rows; i++)
            {
                var (sum, size) = (0.0, 0.0);
                for (var k = 0; k < columns; k++)
                {
                    sum += (double)x[k] * values[i * columns + k];
                    size += Math.Abs((double)x[k] * values[i * columns + k]);
                }
                Assert.InRange(among[i], sum - 1e-6 * size - 1e-9, sum + 1e-6 * size + 1e-9);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Panels_are_the_elements_to_the_bit(WeightForm form, string level)
    {
        var simd = Enum.Parse<SimdLevel>(level);
        var kernels = MatrixKernels.For(simd);
        var stored = RandomMatrices.Matrix(form, 50, 192, new Random(3));
        using var weight = CpuWeight.Create(stored, simd);
        var values = new float[50 * 192];
        fixed (float* expanded = values)
            weight.Expand(0, 50, 0, 192, expanded, 192);
        var panel = new float[192 * kernels.Lanes];
        var scratch = new float[kernels.FillScratch];
        foreach (var (row, column, depth) in (ReadOnlySpan<(int, int, int)>)[(0, 0, 192), (18, 32, 64), (7, 160, 32), (1, 16, 80), (45, 64, 128)])
        {
            var lanes = Math.Min(kernels.Lanes, 50 - row);
            fixed (float* target = panel, memory = scratch)
                kernels.FillFromRows(weight, row, lanes, column, depth, target, memory);
            for (var k = 0; k < depth; k++)
                for (var i = 0; i < lanes; i++)
                    Assert.Equal(values[(row + i) * 192 + column + k], panel[k * kernels.Lanes + i]);
        }
    }

    private static float[] Download(CpuBackend backend, Tensor tensor)
    {
        var values = new float[tensor.Length];
        backend.Download(tensor, values);
        return values;
    }
}
