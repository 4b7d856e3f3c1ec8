using Microsoft.ML.Moka.Decomposition;
using Microsoft.ML.Moka.Tensors;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>The weights that values may start from.</summary>
/// <param name="InMemory">A map's weight as the backbone has it in memory.</param>
internal sealed record FrozenWeights(Func<MapShape, WeightMatrix> InMemory)
{
    /// <summary>A map's weight as it was before it was quantized; null where that is not known.</summary>
    public Func<MapShape, DenseMatrix>? Original { get; init; }

    /// <summary>Ends the decomposition of weights.</summary>
    public CancellationToken Cancellation { get; init; }
}

/// <summary>
/// The initial values that the rules prescribe; each tensor depends on the seed and its name alone, and magnitudes and decompositions on the frozen weights.
/// </summary>
internal sealed class SeededValues(ulong seed, Backend backend, FrozenWeights? frozen = null) : AdapterValues
{
    // Each further round of the search costs as much as the one before. Of a flat spectrum, as a quantization error has it, the last thousandth of the energy
    // is other directions that are as good.
    private const double Growth = 1e-3;

    // Both sides of a product, and more than one pair, are made of one decomposition.
    private (string Map, DecomposedMatrix Matrix, int Rank, (double[][] U, double[][] V) Vectors)? _last;

    public override float[] Factors(MapShape map, FactorRule rule, FactorStack stack)
    {
        var values = new float[stack.Length];
        switch (rule.Initial)
        {
            case FactorInitial.KaimingUniform:
                FillUniform(values, map, rule, stack);
                break;
            case FactorInitial.Decomposed:
                FillDecomposed(values, map, rule, stack);
                break;
        }
        return values;
    }

    public override float[] Gates(MapShape map, SoftmaxGates rule, int count) => new float[count];

    public override float[] Magnitudes(MapShape map, MagnitudeRule rule)
    {
        using var norms = backend.RowNorms(Weights(map, rule.Name).InMemory(map));
        var values = new float[map.Rows];
        backend.Download(norms, values);
        return values;
    }

    private void FillUniform(float[] values, MapShape map, FactorRule rule, FactorStack stack) =>
        new SeededRandom(seed, $"{map.Name}.{rule.Name}.{stack.First}").FillUniform(values, rule.Bound / MathF.Sqrt(stack.Columns));

    /// <summary>
    /// √(σ / |scale|) times the singular vectors, one to a filter. Where the matrix has fewer than there are filters, the trained rest starts as LoRA's does.
    /// </summary>
    private void FillDecomposed(float[] values, MapShape map, FactorRule rule, FactorStack stack)
    {
        var start = rule.Start!;
        var (u, v) = Decompose(map, start.Matrix, stack.Count, rule.Name);
        if (!start.IsLeft && rule.IsTrained && v.Length < stack.Count)
            FillUniform(values, map, rule, stack);
        var (size, sign) = (stack.Rows * stack.Columns, start.IsLeft && start.Scale < 0 ? -1 : 1);
        for (var i = 0; i < u.Length; i++)
        {
            // Column i of U is as long as the singular value, that of V has length 1.
            var value = TensorPrimitives.Norm<double>(u[i]);
            var factor = sign * Math.Sqrt(value / Math.Abs(start.Scale)) / (start.IsLeft ? value : 1);
            var vector = start.IsLeft ? u[i] : v[i];
            for (var k = 0; k < size; k++)
                values[i * size + k] = (float)(factor * vector[k]);
        }
    }

    private (double[][] U, double[][] V) Decompose(MapShape map, DecomposedMatrix matrix, int rank, string name)
    {
        if (_last is { } last && (last.Map, last.Matrix, last.Rank) == (map.Name, matrix, rank))
            return last.Vectors;
        var weights = Weights(map, name);
        var elements = Expand(weights.InMemory(map));
        if (matrix == DecomposedMatrix.QuantizationError)
        {
            var original = weights.Original ?? throw Missing(map, name);
            using var before = backend.Upload(original(map));
            TensorPrimitives.Subtract(Expand(before), elements, elements);
        }
        var vectors = LeadingDirections.Of(new DenseUpdate(map.Rows, map.Columns, elements), rank, Growth, weights.Cancellation);
        _last = (map.Name, matrix, rank, vectors);
        return vectors;
    }

    private float[] Expand(WeightMatrix weight)
    {
        using var expanded = backend.Expand(weight);
        var elements = new float[expanded.Length];
        backend.Download(expanded, elements);
        return elements;
    }

    private FrozenWeights Weights(MapShape map, string name) => frozen ?? throw Missing(map, name);

    private static InvalidOperationException Missing(MapShape map, string name) =>
        new($"{name} starts from the weights of {map.Name}: a backbone's weights are needed.");
}
