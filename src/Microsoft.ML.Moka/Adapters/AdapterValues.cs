using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>Factors of <paramref name="Count"/> filters of one shape, stacked by rows; the first is filter <paramref name="First"/> of its adapter.</summary>
internal readonly record struct FactorStack(int First, int Count, int Rows, int Columns)
{
    public int Length => checked(Count * Rows * Columns);
}

/// <summary>What new adapters are filled with: initial values by seed, or what was stored.</summary>
internal abstract class AdapterValues
{
    /// <summary>The stacked factors, [count · rows, columns].</summary>
    public abstract float[] Factors(MapShape map, FactorRule rule, FactorStack stack);

    public abstract float[] Gates(MapShape map, SoftmaxGates rule, int count);
}

/// <summary>The initial values that the rules prescribe; each tensor depends on the seed and its name alone.</summary>
internal sealed class SeededValues(ulong seed) : AdapterValues
{
    public override float[] Factors(MapShape map, FactorRule rule, FactorStack stack)
    {
        var values = new float[stack.Length];
        if (rule.Initial == FactorInitial.KaimingUniform)
            new SeededRandom(seed, $"{map.Name}.{rule.Name}.{stack.First}").FillUniform(values, 1 / MathF.Sqrt(stack.Columns));
        return values;
    }

    public override float[] Gates(MapShape map, SoftmaxGates rule, int count) => new float[count];
}
