using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Tensors.Cpu;

/// <summary>
/// No kernel computes with what memory held before: the processor notes in MXCSR whether a vector instruction has met a denormal number, and memory is full of
/// them.
/// </summary>
public sealed unsafe class DenormalTests
{
    private const uint Denormal = 1;

    public static TheoryData<string> Levels =>
    [
        .. Enum.GetValues<SimdLevel>().Where(level => level <= SimdLevels.Best).Select(level => level.ToString()),
        .. SimdLevels.Best < SimdLevel.Vector512 ? [] : (string[])[nameof(MokaPrecision.Split), nameof(MokaPrecision.BFloat16)],
    ];

    [Theory]
    [MemberData(nameof(Levels))]
    public void No_kernel_meets_a_denormal_number_that_was_left_in_memory(string level)
    {
        Assert.SkipWhen(RuntimeInformation.ProcessArchitecture != Architecture.X64, "MXCSR is a register of x64.");
        using var backend = Enum.TryParse<MokaPrecision>(level, out var precision)
            ? new CpuBackend(threads: 1, SimdLevel.Vector512, precision, new EmulatedTiles())
            : new CpuBackend(threads: 1, Enum.Parse<SimdLevel>(level));
        using var s = new Scenario(backend, 12);
        var compared = 0;
        foreach (var (name, kernel) in Kernels(s))
        {
            // Once, so that the pool has the blocks that the next run takes.
            kernel();
            // The smallest scales of a weight in 8 bits are denormal numbers in float16, and met as such.
            if (Meets(0))
                continue;
            Assert.False(Meets(Denormal), $"{name} has met a denormal number.");
            compared++;

            bool Meets(uint bits)
            {
                backend.FillFreeMemory(bits);
                ControlRegister.Set(ControlRegister.Get() & ~ControlRegister.DenormalMet);
                kernel();
                return (ControlRegister.Get() & ControlRegister.DenormalMet) != 0;
            }
        }
        Assert.InRange(compared, 120, int.MaxValue);
    }

    [Fact]
    public void The_register_tells_of_a_denormal_number()
    {
        Assert.SkipWhen(RuntimeInformation.ProcessArchitecture != Architecture.X64, "MXCSR is a register of x64.");
        ControlRegister.Set(ControlRegister.Get() & ~ControlRegister.DenormalMet);
        Assert.Equal(0u, ControlRegister.Get() & ControlRegister.DenormalMet);
        Assert.NotEqual(1, Double(float.Epsilon));
        Assert.Equal(ControlRegister.DenormalMet, ControlRegister.Get() & ControlRegister.DenormalMet);
    }

    /// <summary>Kernels with few lanes, few rows, and all that has working memory.</summary>
    private static IEnumerable<(string Name, Action Run)> Kernels(Scenario s)
    {
        var backend = s.Backend;
        foreach (var (rows, inputs, outputs) in ((int, int, int)[])[(9, 64, 5), (40, 33, 16), (3, 128, 47)])
        {
            Tensor x = s.Activation(rows, inputs), dy = s.Activation(rows, outputs), gradient = s.Parameter(outputs, inputs);
            foreach (var form in Enum.GetValues<WeightForm>())
            {
                if (form >= WeightForm.PackedQ40 && inputs % 32 != 0)
                    continue;
                var weight = s.Weight(form, outputs, inputs);
                yield return ($"Linear {form}", () => backend.Linear(x, weight).Dispose());
                yield return ($"LinearInputGradient {form}", () => backend.LinearInputGradient(dy, weight).Dispose());
                yield return ($"RowNorms {form}", () => backend.RowNorms(weight).Dispose());
                yield return ($"Expand {form}", () => backend.Expand(weight).Dispose());
            }
            yield return ("AccumulateWeightGradient", () => backend.AccumulateWeightGradient(dy, x, gradient));
            var head = s.Weight(WeightForm.DenseF32, 77, inputs);
            var (targets, weights) = (s.RandomIndices(rows, 77), s.Parameter(rows));
            yield return ("TokenLosses", () =>
            {
                backend.TokenLosses(x, head, targets, weights, out var dh).Dispose();
                dh!.Dispose();
            });
        }
        foreach (var delta in KroneckerSums.All(s))
        {
            Tensor x = s.Activation(9, delta.Columns), dy = s.Activation(9, delta.Rows), coefficients = s.Parameter(delta.Coefficients.Rows);
            var factors = delta.Groups
                .Select(g => (g.Left is null ? null : (Tensor?)s.Keep(backend.Clone(g.Left)), (Tensor?)s.Keep(backend.Clone(g.Right)))).ToList();
            yield return ("KroneckerProduct", () => backend.KroneckerProduct(x, delta).Dispose());
            yield return ("KroneckerInputGradient", () => backend.KroneckerInputGradient(dy, delta).Dispose());
            yield return (
                "AccumulateKroneckerGradients",
                () => backend.AccumulateKroneckerGradients(x, dy, delta, new KroneckerGradients(coefficients, factors)));
        }
        foreach (var (length, heads) in ((int, AttentionHeads)[])[(1, new(2, 2, 16)), (7, new(3, 1, 5)), (40, new(6, 2, 20))])
        {
            Tensor q = s.Activation(length, heads.QueryHeads * heads.HeadWidth), k = s.Activation(length, heads.KeyValueHeads * heads.HeadWidth);
            var v = s.Activation(length, heads.KeyValueHeads * heads.HeadWidth);
            var layout = AttentionLayout.Sequences([length]);
            yield return ("Attention", () =>
            {
                using var y = backend.Attention(q, k, v, layout, heads, out var logSumExp);
                var (dq, dk, dv) = backend.AttentionGradient(q, q, k, v, y, logSumExp, layout, heads);
                dq.Dispose();
                dk.Dispose();
                dv.Dispose();
                logSumExp.Dispose();
            });
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static float Double(float value) => value + value;
}
