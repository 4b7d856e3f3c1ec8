using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Tests.Tensors;

public class KroneckerConformance
{
    /// <summary>Sums of every kind: mixtures of shapes, stacked filters, identities, LoRA's outer products, a whole matrix as one factor, odd sizes.</summary>
    internal static IEnumerable<KroneckerSum> Sums(Scenario s) =>
    [
        s.Kronecker(96, 64, (8, 8, 1)),
        s.Kronecker(96, 64, (8, 8, 2), (4, 16, 1), (16, 4, 1), (32, 2, 1), (2, 32, 1)),
        s.Kronecker(64, 64, (-8, 8, 3), (-16, 16, 1), (8, 8, 1)),
        s.Kronecker(48, 96, (48, 1, 4)),
        s.Kronecker(48, 96, (2, 48, 3)),
        s.Kronecker(30, 21, (1, 1, 1), (30, 21, 1)),
        s.Kronecker(30, 21, (-1, 1, 2)),
        s.Kronecker(40, 40, (-1, 1, 1), (1, 1, 2), (-40, 40, 1), (8, 4, 1), (40, 1, 3)),
        s.Kronecker(130, 70, (-1, 1, 1)),
        s.Kronecker(35, 39, (5, 3, 2), (7, 13, 1)),
        s.Kronecker(1, 6, (1, 2, 2)),
        s.Kronecker(33, 66, (-33, 33, 1), (-3, 3, 2)),
    ];

    [Theory]
    [MemberData(nameof(BackendCase.Names), MemberType = typeof(BackendCase))]
    public void Products_and_gradients(string name) => Scenario.Check(name, 40, s =>
    {
        foreach (var tokens in new[] { 1, 5, 70 })
            foreach (var delta in Sums(s))
            {
                Tensor x = s.Activation(tokens, delta.Columns), dy = s.Activation(tokens, delta.Rows);
                s.Result("y", s.Backend.KroneckerProduct(x, delta));
                s.Result("dx", s.Backend.KroneckerInputGradient(dy, delta));
                Gradients(s, x, dy, delta, _ => true);
            }
    });

    [Theory]
    [MemberData(nameof(BackendCase.Names), MemberType = typeof(BackendCase))]
    public void Only_the_wanted_gradients_are_computed(string name) => Scenario.Check(name, 40, s =>
    {
        for (var wanted = 0; wanted < 7; wanted++)
            foreach (var delta in Sums(s))
                Gradients(s, s.Activation(6, delta.Columns), s.Activation(6, delta.Rows), delta, kind => (wanted >> kind & 1) == 1);
    });

    /// <summary>Where filters are thin beside the map, as LoRA's and CDKA's are, backends may choose another order of evaluation than for small maps.</summary>
    [Theory]
    [MemberData(nameof(BackendCase.Names), MemberType = typeof(BackendCase))]
    public void Thin_filters_on_a_large_map(string name) => Scenario.Check(name, 40, s =>
    {
        var delta = s.Kronecker(800, 810, (400, 2, 3), (800, 1, 4), (-1, 1, 1), (20, 27, 1));
        var weight = s.Weight(WeightForm.FourBit, 800, 810);
        Tensor x = s.Activation(3, 810), dy = s.Activation(3, 800);
        s.Result("y", s.Backend.Linear(x, weight, delta));
        s.Result("dx", s.Backend.LinearInputGradient(dy, weight, delta));
        s.Result("W + Δ", s.Backend.Expand(weight, delta));
        s.Result("‖W + Δ‖", s.Backend.RowNorms(weight, delta));
        Gradients(s, x, dy, delta, _ => true);
    });

    /// <summary>Gradients are added to what is there; the kinds are 0 for coefficients, 1 for left and 2 for right factors.</summary>
    private static void Gradients(Scenario s, Tensor x, Tensor dy, KroneckerSum delta, Predicate<int> wanted)
    {
        var coefficients = wanted(0) ? s.Parameter(delta.Coefficients.Rows) : null;
        var factors = delta.Groups.Select(g => (
            Left: g.Left is not null && wanted(1) ? s.Parameter(g.Left.Rows, g.Left.Columns) : null,
            Right: wanted(2) ? s.Parameter(g.Right.Rows, g.Right.Columns) : null)).ToList();
        s.Backend.AccumulateKroneckerGradients(x, dy, delta, new KroneckerGradients(coefficients, factors));
        if (coefficients is not null)
            s.Peek("dc", coefficients);
        foreach (var (left, right) in factors)
        {
            if (left is not null)
                s.Peek("dA", left);
            if (right is not null)
                s.Peek("dB", right);
        }
        s.Result("filters", delta.Coefficients.Rows);
    }
}
