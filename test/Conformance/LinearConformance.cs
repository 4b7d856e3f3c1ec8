using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

public abstract class LinearConformance<TBackends> : Conformance<TBackends>
    where TBackends : BackendCases, new()
{
    private const double Tolerance = 20;

    /// <summary>Tokens, inputs, outputs: single rows, sizes around the widths of vectors and panels, blocks of codes that cross rows.</summary>
    private static readonly (int Tokens, int Inputs, int Outputs)[] Shapes =
    [
        (0, 8, 8), (1, 1, 1), (1, 64, 64), (1, 100, 37), (1, 576, 33), (2, 5, 3), (3, 17, 130), (4, 192, 15), (7, 31, 16), (8, 128, 96), (12, 256, 32),
        (13, 257, 65), (17, 64, 100), (33, 96, 64), (64, 320, 48), (130, 72, 40),
    ];

    [Theory]
    [MemberData(nameof(NamesAndFormats))]
    public void Linear_maps(string name, WeightForm format) => Check(name, Tolerance, s =>
    {
        foreach (var (tokens, inputs, outputs) in Shapes)
        {
            var weight = s.Weight(format, outputs, inputs);
            s.Result("y", s.Backend.Linear(s.Activation(tokens, inputs), weight));
            s.Result("dx", s.Backend.LinearInputGradient(s.Activation(tokens, outputs), weight));
            s.Result("W", s.Backend.Expand(weight));
            s.Result("‖W‖", s.Backend.RowNorms(weight));
        }
    });

    [Theory]
    [MemberData(nameof(NamesAndFormats))]
    public void Linear_maps_with_a_Kronecker_sum(string name, WeightForm format) => Check(name, Tolerance, s =>
    {
        foreach (var tokens in new[] { 1, 3, 40 })
            foreach (var delta in KroneckerSums.All(s))
            {
                var weight = s.Weight(format, delta.Rows, delta.Columns);
                s.Result("y", s.Backend.Linear(s.Activation(tokens, delta.Columns), weight, delta));
                s.Result("dx", s.Backend.LinearInputGradient(s.Activation(tokens, delta.Rows), weight, delta));
                s.Result("W + Δ", s.Backend.Expand(weight, delta));
                s.Result("‖W + Δ‖", s.Backend.RowNorms(weight, delta));
            }
    });

    /// <summary>The rank, and sizes around the widths of vectors, of panels and of the stretches in which a weight is expanded.</summary>
    [Theory]
    [MemberData(nameof(NamesAndFormats))]
    public void Hadamard_products_and_their_gradients(string name, WeightForm format) => Check(name, 40, s =>
    {
        var shapes = new[] { (1, 64, 48, 4), (5, 33, 70, 1), (40, 300, 37, 7), (3, 1, 1, 1), (9, 1100, 16, 16), (2, 40, 40, 40) };
        foreach (var (tokens, inputs, outputs, rank) in shapes)
            foreach (var offset in (float[])[0, 1])
            {
                var weight = s.Weight(format, outputs, inputs);
                Tensor left = s.Parameter(rank * outputs), right = s.Parameter(rank, inputs);
                Tensor x = s.Activation(tokens, inputs), dy = s.Activation(tokens, outputs);
                using var product = s.Backend.Hadamard(weight, left, right, offset);
                s.Result("y", s.Backend.Linear(x, product));
                s.Result("dx", s.Backend.LinearInputGradient(dy, product));
                s.Result("W ∘ (offset + LᵀR)", s.Backend.Expand(product));
                // They are added to what is there.
                Tensor dl = s.Parameter(rank * outputs), dr = s.Parameter(rank, inputs);
                s.Backend.AccumulateHadamardGradients(x, dy, weight, left, right, dl, dr);
                s.Peek("dL", dl);
                s.Peek("dR", dr);
            }
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Trained_weights(string name) => Check(name, Tolerance, s =>
    {
        foreach (var (tokens, inputs, outputs) in Shapes)
        {
            var parameter = s.Parameter(outputs, inputs);
            var weight = s.AsWeight(parameter);
            Tensor x = s.Activation(tokens, inputs), dy = s.Activation(tokens, outputs), gradient = s.Parameter(outputs, inputs);
            s.Backend.AccumulateWeightGradient(dy, x, gradient);
            s.Peek("dW", gradient);
            s.Backend.AddInPlace(parameter, gradient);
            s.Result("y after an update", s.Backend.Linear(x, weight));
            s.Result("dx after an update", s.Backend.LinearInputGradient(dy, weight));
        }
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Trained_weights_with_a_Kronecker_sum(string name) => Check(name, Tolerance, s =>
    {
        foreach (var delta in KroneckerSums.All(s))
        {
            var weight = s.AsWeight(s.Parameter(delta.Rows, delta.Columns));
            s.Result("y", s.Backend.Linear(s.Activation(9, delta.Columns), weight, delta));
            s.Result("dx", s.Backend.LinearInputGradient(s.Activation(9, delta.Rows), weight, delta));
        }
    });

    [Theory]
    [MemberData(nameof(NamesAndFormats))]
    public void Embeddings(string name, WeightForm format) => Check(name, Tolerance, s =>
    {
        foreach (var (tokens, rows, columns) in new[] { (3, 1, 1), (11, 5, 64), (11, 7, 33), (30, 40, 100), (5, 3, 576), (400, 40, 200) })
        {
            var table = s.Weight(format, rows, columns);
            var ids = s.RandomIndices(tokens, rows);
            s.Result("y", s.Backend.Embedding(table, ids));
            var gradient = s.Parameter(rows, columns);
            s.Backend.AccumulateEmbeddingGradient(s.Activation(tokens, columns), ids, gradient);
            s.Peek("d table", gradient);
        }
    });
}
