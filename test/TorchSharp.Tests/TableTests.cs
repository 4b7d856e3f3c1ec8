using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Torch;
using TorchSharp;

namespace Microsoft.ML.Moka.Tests;

/// <summary>Embedding, head and biases that adapters change, on PyTorch's CPU device as on the CPU backend.</summary>
public sealed class TableTests
{
    public static TheoryData<string> Changes => [.. Enum.GetNames<TableChange>()];

    [Theory]
    [MemberData(nameof(Changes))]
    public void Losses_and_gradients_are_those_of_the_CPU_backend(string change)
    {
        var (expectedLosses, expected) = Run(new CpuBackend(threads: 2), Enum.Parse<TableChange>(change));
        var (actualLosses, actual) = Run(new TorchBackend(torch.CPU, torch.ScalarType.Float32), Enum.Parse<TableChange>(change));

        AssertClose(expectedLosses, actualLosses);
        Assert.Equal(expected.Count, actual.Count);
        foreach (var (one, other) in expected.Zip(actual))
        {
            Assert.Contains(one, value => value != 0);
            AssertClose(one, other);
        }
    }

    private static (float[] Losses, List<float[]> Gradients) Run(Backend backend, TableChange change)
    {
        using (backend)
        {
            using var backbone = TinyLlama.Frozen(backend);
            var options = new LoraAdapter
            {
                Rank = 2,
                HasBias = true,
                Tables = [.. Enum.GetValues<TokenTable>().Select(table => new TableRule(table, change, 50, 32) { Tokens = [3, 7], Rank = 2, Scale = 1.5f })],
            };
            using var adapters = AdapterSet.Create(backend, options, backbone.Config.LinearMaps, new Noise());
            var losses = TinyLlama.Losses(backbone, [[1, 3, 7, 4, 9], [7, 2, 3]], adapters);
            return (losses, [.. adapters.Parameters.Select(parameter => TinyLlama.Download(backend, parameter.Gradient))]);
        }
    }

    private static void AssertClose(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        var scale = expected.Max(Math.Abs);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 1e-4 * scale);
    }

    private sealed class Noise : AdapterValues
    {
        public override float[] Factors(MapShape map, FactorRule rule, FactorStack stack) => Of($"{map.Name}.{rule.Name}", stack.Length);

        public override float[] Gates(MapShape map, SoftmaxGates rule, int count) => Of(map.Name, count);

        public override float[] Magnitudes(MapShape map, MagnitudeRule rule) => Of(map.Name, map.Rows);

        public override float[] Bias(MapShape map, BiasRule rule) => Of($"{map.Name}.{rule.Name}", map.Rows);

        public override float[] Table(string name, int rows, int columns, bool isStoredTransposed = false) => Of(name, rows * columns);

        private static float[] Of(string name, int count)
        {
            var values = new float[count];
            new SeededRandom(3, name).FillNormal(values, 0.2f);
            return values;
        }
    }
}
