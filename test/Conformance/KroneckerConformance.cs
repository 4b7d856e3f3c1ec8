using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

public abstract class KroneckerConformance<TBackends> : Conformance<TBackends>
    where TBackends : BackendCases, new()
{
    [Theory]
    [MemberData(nameof(Names))]
    public void Products_and_gradients(string name) => Check(name, 40, s =>
    {
        foreach (var tokens in new[] { 1, 5, 70 })
            foreach (var delta in KroneckerSums.All(s))
            {
                Tensor x = s.Activation(tokens, delta.Columns), dy = s.Activation(tokens, delta.Rows);
                s.Result("y", s.Backend.KroneckerProduct(x, delta));
                s.Result("dx", s.Backend.KroneckerInputGradient(dy, delta));
                Gradients(s, x, dy, delta, _ => true);
            }
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Only_the_wanted_gradients_are_computed(string name) => Check(name, 40, s =>
    {
        for (var wanted = 0; wanted < 7; wanted++)
            foreach (var delta in KroneckerSums.All(s))
                Gradients(s, s.Activation(6, delta.Columns), s.Activation(6, delta.Rows), delta, kind => (wanted >> kind & 1) == 1);
    });

    /// <summary>Where filters are thin beside the map, as LoRA's and CDKA's are, backends may choose another order of evaluation than for small maps.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Thin_filters_on_a_large_map(string name) => Check(name, 40, s =>
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
