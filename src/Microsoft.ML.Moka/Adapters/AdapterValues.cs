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

    /// <summary>One for each output of the map.</summary>
    public abstract float[] Magnitudes(MapShape map, MagnitudeRule rule);

    /// <summary>What a factor adds to the outputs beside their product; it starts at zero.</summary>
    public virtual float[] Bias(MapShape map, BiasRule rule) => new float[map.Rows];

    /// <summary>A bias of the backbone that is trained.</summary>
    public virtual float[] Bias(TrainedBias bias) =>
        throw new InvalidOperationException($"The bias of {bias.Map.Name} has no initial value: an adapter trains biases only where its files do.");

    /// <summary>The weight of a head, [outputs, columns]; it starts at zero.</summary>
    public virtual float[] Head(ScoreHeadRule rule) => new float[rule.ParameterCount];

    /// <summary>A part of a changed embedding or head, [rows, columns]; files may hold it transposed.</summary>
    public virtual float[] Table(string name, int rows, int columns, bool isStoredTransposed = false) =>
        throw new InvalidOperationException($"'{name}' has no initial values: an adapter changes embedding and head only where its files do.");
}
