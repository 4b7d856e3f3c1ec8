using Microsoft.ML.Moka.Conformance;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Tensors.Cpu.Weights;

namespace Microsoft.ML.Moka.Tests.Tensors.Cpu;

/// <summary>Every kernel gives what the format's description says, to the bit.</summary>
public sealed unsafe class PackedWeightTests
{
    private const int Rows = 50;
    private const int Columns = 192;

    private static readonly SimdLevel[] Levels = [.. Enum.GetValues<SimdLevel>().Where(level => level <= SimdLevels.Best)];

    public static TheoryData<WeightForm, string> Cases =>
    [
        .. from form in (WeightForm[])[WeightForm.PackedQ40, WeightForm.PackedQ41, WeightForm.PackedQ80]
           from level in Levels
           select (form, level.ToString()),
    ];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Any_part_of_any_rows_is_the_definitions(WeightForm form, string level)
    {
        var random = new Random(3);
        var matrix = Matrix(form);
        var values = Dequantizer.ToFloats(matrix);
        using var weight = CpuWeight.Create(matrix, Enum.Parse<SimdLevel>(level));
        for (var round = 0; round < 400; round++)
        {
            var (row, column) = (random.Next(Rows), round % 2 == 0 ? 16 * random.Next(Columns / 16) : random.Next(Columns));
            var (rows, count) = (random.Next(Rows - row) + 1, round % 3 == 0 ? Math.Min(32, Columns - column) : random.Next(Columns - column) + 1);
            var stride = count + random.Next(5);
            var expanded = new float[rows * stride];
            fixed (float* destination = expanded)
                weight.Expand(row, rows, column, count, destination, stride);
            for (var i = 0; i < rows; i++)
                Assert.Equal(values.AsSpan((row + i) * Columns + column, count), expanded.AsSpan(i * stride, count));
        }
    }

    [Fact]
    public void Small_and_large_scales_are_exact()
    {
        // Every finite float16 as the scale of a block whose codes are 1.
        var scales = Enumerable.Range(0, 1 << 16).Select(bits => BitConverter.UInt16BitsToHalf((ushort)bits)).Where(Half.IsFinite).ToArray();
        var blocks = scales.SelectMany(scale => (byte[])[.. BitConverter.GetBytes(scale), .. Enumerable.Repeat((byte)1, 32)]).ToArray();
        foreach (var level in Levels)
        {
            using var weight = CpuWeight.Create(new PackedMatrix(scales.Length, 32, PackedFormat.Q8_0, blocks), level);
            var values = new float[scales.Length * 32];
            fixed (float* destination = values)
            {
                weight.Expand(0, scales.Length, 0, 32, destination, 32);
                Assert.Equal(scales.Select(scale => (float)scale), values.Where((_, i) => i % 32 == 5));
            }
            var laidOut = new float[scales.Length];
            fixed (float* destination = laidOut)
                weight.Lanes(0, scales.Length, 0, 32, destination, null);
            Assert.Equal(scales.Select(scale => (float)scale), laidOut);
        }
    }

    [Fact]
    public void Blocks_that_do_not_fit_their_shape_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new PackedMatrix(2, 48, PackedFormat.Q4_0, new byte[54]));
        var error = Assert.Throws<ArgumentException>(() => new PackedMatrix(2, 64, PackedFormat.Q4_1, new byte[79]));
        Assert.Contains("Q4_1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void They_take_what_they_take_in_the_file()
    {
        foreach (var form in Cases.Select(row => row.Data.Item1).Distinct())
        {
            var matrix = Matrix(form);
            using var weight = CpuWeight.Create(matrix, SimdLevel.Scalar);
            Assert.Equal(matrix.Format.ByteCount(Rows * Columns), weight.ByteCount);
        }
        Assert.Equal((4.5, 5, 8.5), (Bits(PackedFormat.Q4_0), Bits(PackedFormat.Q4_1), Bits(PackedFormat.Q8_0)));

        static double Bits(PackedFormat format) => format.ByteCount(1024) * 8 / 1024.0;
    }

    private static PackedMatrix Matrix(WeightForm form) => (PackedMatrix)RandomMatrices.Matrix(form, Rows, Columns, new Random(17));
}
