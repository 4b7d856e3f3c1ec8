using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Tests.Adapters;

/// <summary>Options that fit a map, drawn from all methods, and values as training leaves them.</summary>
internal static class RandomAdapters
{
    public static AdapterOptions Options(MapShape map, Random random)
    {
        var smallest = Math.Min(map.Rows, map.Columns);
        AdapterOptions options = random.Next(12) switch
        {
            0 => new MokaAdapter { Filters = random.Next(1, 7) },
            1 => new MokaAdapter { FilterShapes = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Shape())] },
            2 => new MokaSAdapter { Filters = random.Next(1, 4) },
            3 => new CdkaAdapter { Filters = random.Next(1, 5), R1 = Divisor(map.Rows), R2 = Divisor(map.Columns), Alpha = Scale() },
            4 => random.Next(2) == 0 ? new KronaAdapter { Scale = Scale() } : new KronaAdapter { Shape = Shape(), Scale = Scale() },
            5 => new LokrAdapter
            {
                Rank = random.Next(1, 9),
                Alpha = Scale(),
                DecomposeBoth = random.Next(2) == 0,
                DecomposeFactor = random.Next(3) == 0 ? -1 : random.Next(1, 20),
            },
            6 => new LoraAdapter { Rank = random.Next(1, smallest + 1), Alpha = Scale(), RankStabilized = random.Next(2) == 0 },
            7 => new DoraAdapter { Rank = random.Next(1, smallest + 1), Alpha = Scale(), RankStabilized = random.Next(2) == 0 },
            8 => new HiraAdapter { Rank = random.Next(1, smallest + 1) },
            10 => new PissaAdapter { Rank = random.Next(1, smallest + 1), Alpha = Scale(), RankStabilized = random.Next(2) == 0 },
            9 => new MissAdapter { Rank = Divisor(map.Columns), MiniRank = random.Next(2) == 0 ? null : Divisor(map.Rows) },
            _ => new FullFineTuning(),
        };
        options.TargetModules = [map.Name];
        return options;

        float Scale() => 0.2f + random.NextSingle();

        FactorShape Shape() => new(Divisor(map.Rows), Divisor(map.Columns));

        int Divisor(int number)
        {
            var divisors = FilterShapes.Divisors(number);
            return divisors[random.Next(divisors.Count)];
        }
    }

    /// <summary>No factor is zero, gates differ, and magnitudes stay away from zero.</summary>
    internal sealed class Trained(ulong seed, float deviation) : AdapterValues
    {
        public override float[] Factors(MapShape map, FactorRule rule, FactorStack stack) => Normal($"{map.Name}.{rule.Name}.{stack.First}", stack.Length);

        public override float[] Gates(MapShape map, SoftmaxGates rule, int count) => Normal(map.Name, count);

        public override float[] Magnitudes(MapShape map, MagnitudeRule rule) =>
            [.. Normal(map.Name, map.Rows).Select(value => MathF.CopySign(0.5f + Math.Abs(value), value))];

        private float[] Normal(string name, int count)
        {
            var values = new float[count];
            new SeededRandom(seed, name).FillNormal(values, deviation);
            return values;
        }
    }
}
