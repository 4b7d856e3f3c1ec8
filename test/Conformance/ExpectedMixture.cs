using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;

namespace Microsoft.ML.Moka.Conformance;

/// <summary>A mixture whose filters have on each map the shapes that the vectors have there.</summary>
internal sealed class ExpectedMixture(SafetensorsFile expected) : AdapterOptions
{
    internal override string Method => "MOKA";

    internal override void Write(SortedDictionary<string, object?> fields) => throw new NotSupportedException();

    private protected override AdapterPlan Plan(MapShape map)
    {
        var shapes = Enumerable.Range(0, 100)
            .TakeWhile(i => expected.Contains($"moka.param.{map.Name}.A.{i}"))
            .Select(i => expected[$"moka.param.{map.Name}.A.{i}"].Shape)
            .Select(shape => FilterShapes.Of(map, shape[0], shape[1]));
        return KroneckerMixture.Plan(map, [.. shapes], identityLeft: false);
    }
}

/// <summary>The mixture's values in the vectors.</summary>
internal sealed class ExpectedValues(SafetensorsFile expected) : AdapterValues
{
    public override float[] Factors(MapShape map, FactorRule rule, FactorStack stack) =>
        expected[$"moka.param.{map.Name}.{rule.Name["moka_".Length..]}.{stack.First}"].ToFloats();

    public override float[] Gates(MapShape map, SoftmaxGates rule, int count) => expected[$"moka.param.{map.Name}.gate"].ToFloats();

    public override float[] Magnitudes(MapShape map, MagnitudeRule rule) => throw new NotSupportedException();
}
