using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Tests.Tensors;

/// <summary>The backward step of every operation of the tape against central finite differences, in double precision on the reference.</summary>
public class TapeGradientTests
{
    private static readonly AttentionHeads Heads = new(4, 2, 3);

    [Fact]
    public void Linear_of_a_frozen_weight() => Check([(3, 6)], [],
        (tape, x, _) => tape.Linear(x[0], Weight(tape, 5, 6)));

    [Fact]
    public void Linear_of_a_trained_weight() => Check([(3, 6)], [(5, 6)],
        (tape, x, p) => tape.Linear(x[0], p[0]));

    [Fact]
    public void Linear_with_a_Kronecker_sum() => Check([(3, 8)], [(4, 1), (4, 2), (6, 4), (3, 2)],
        (tape, x, p) => tape.Linear(x[0], Weight(tape, 6, 8), Mixture(tape, p)));

    [Fact]
    public void Kronecker() => Check([(3, 8)], [(4, 1), (4, 2), (6, 4), (3, 2)],
        (tape, x, p) => tape.Kronecker(x[0], Mixture(tape, p)));

    [Fact]
    public void Kronecker_with_constant_coefficients() => Check([(3, 8)], [(4, 2), (6, 4)], (tape, x, p) =>
    {
        var constant = tape.Own(Random(tape, 2, 1));
        var sum = new KroneckerSum(6, 8, constant.Value, [new(new(2, 2, 3, 4), 0, 2, p[0].Value, p[1].Value)]);
        return tape.Kronecker(x[0], new KroneckerVariable(sum, constant, [(tape.Trained(p[0]), tape.Trained(p[1]))]));
    });

    [Fact]
    public void Product_of_trained_matrices() => Check([], [(4, 2), (2, 5)], (tape, _, p) => tape.Product(p[0], p[1]));

    [Fact]
    public void Linear_with_a_factor_of_low_rank() => Check([(3, 8)], [(2, 4), (3, 1), (1, 2)], (tape, x, p) =>
    {
        var (left, right) = (tape.Trained(p[0]), tape.Product(p[1], p[2]));
        var constant = tape.Own(Random(tape, 1, 1));
        var delta = new KroneckerVariable(
            new KroneckerSum(6, 8, constant.Value, [new(new(2, 4, 3, 2), 0, 1, left.Value, right.Value)]), constant, [(left, right)]);
        return tape.Linear(x[0], Weight(tape, 6, 8), delta);
    });

    [Fact]
    public void ScaleColumns() => Check([(3, 5)], [(5, 1)], (tape, x, p) => tape.ScaleColumns(x[0], p[0], tape.Own(Random(tape, 5, 1)).Value));

    [Fact]
    public void Add() => Check([(3, 4), (3, 4)], [], (tape, x, _) => tape.Add(x[0], x[1]));

    [Fact]
    public void Add_of_one_variable_twice() => Check([(3, 4)], [], (tape, x, _) => tape.Add(x[0], x[0]));

    [Fact]
    public void Dropout() => Check([(5, 7)], [], (tape, x, _) => tape.Dropout(x[0], 0.4f, 9));

    [Fact]
    public void RmsNorm_of_a_frozen_weight() => Check([(3, 5)], [], (tape, x, _) => tape.RmsNorm(x[0], tape.Own(Random(tape, 5, 1)).Value, 0.1f));

    [Fact]
    public void RmsNorm_of_a_trained_weight() => Check([(3, 5)], [(5, 1)], (tape, x, p) => tape.RmsNorm(x[0], p[0].Value, 0.1f, p[0].Gradient));

    [Fact]
    public void RmsNorm_of_heads() => Check([(3, 6)], [(3, 1)], (tape, x, p) => tape.RmsNorm(x[0], p[0].Value, 0.1f, p[0].Gradient));

    [Fact]
    public void A_bias() => Check([(3, 6)], [(5, 1)], (tape, x, p) => tape.AddToRows(tape.Linear(x[0], Weight(tape, 5, 6)), p[0].Value, p[0].Gradient));

    [Fact]
    public void A_frozen_bias() => Check([(3, 6)], [],
        (tape, x, _) => tape.AddToRows(tape.Linear(x[0], Weight(tape, 5, 6)), tape.Own(Random(tape, 5, 1)).Value));

    [Fact]
    public void SwiGlu() => Check([(3, 5), (3, 5)], [], (tape, x, _) => tape.SwiGlu(x[0], x[1]));

    [Fact]
    public void Rotary() => Check([(3, 12)], [], (tape, x, _) => tape.Rotary(
        x[0], Indices(tape, 1, 0, 3), tape.Own(Random(tape, 4, 3)).Value, tape.Own(Random(tape, 4, 3)).Value));

    [Fact]
    public void Attention() => Check([(9, 12), (11, 6), (11, 6)], [], (tape, x, _) => tape.Attention(
        x[0], x[1], x[2], new AttentionLayout([new(0, 1, 4, []), new(4, 5, 2, [new(1, 4)]), new(6, 7, 2, [new(1, 2), new(5, 1), new(10, 1)])]), Heads));

    [Fact]
    public void Softmax_of_gates() => Check([], [(5, 1)], (tape, _, p) => tape.Softmax(p[0]));

    [Fact]
    public void Embedding_of_a_trained_table() => Check([], [(4, 3)], (tape, _, p) => tape.Embedding(p[0], Indices(tape, 2, 0, 2, 3)));

    [Fact]
    public void GatherRows() => Check([(5, 3)], [], (tape, x, _) => tape.GatherRows(x[0], Indices(tape, 2, 2, 0, 4, 2)));

    [Fact]
    public void MeanRows() => Check([(6, 3)], [], (tape, x, _) => tape.MeanRows(x[0], [new(0, 4), new(5, 1), new(2, 2)]));

    [Fact]
    public void Recompute() => Check([(3, 5)], [(5, 1), (5, 5)], (tape, x, p) => tape.Recompute(x[0], (inner, value) =>
    {
        using var normed = inner.RmsNorm(value, p[0].Value, 0.1f, p[0].Gradient);
        using var mapped = inner.Linear(normed, p[1]);
        return inner.SwiGlu(mapped, value);
    }));

    [Fact]
    public void Recompute_with_coefficients_of_the_outer_tape() => Check([(3, 8)], [(4, 1), (4, 2), (6, 4), (3, 2)], (tape, x, p) =>
    {
        var mixture = Mixture(tape, p);
        return tape.Recompute(x[0], (inner, value) => inner.Kronecker(value, mixture));
    });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Token_losses(bool trained) => CheckLoss([(4, 3)], trained ? [(6, 3)] : [], (tape, x, p) =>
    {
        var weights = tape.Own(tape.Backend.Upload(TensorKind.Parameter, [0.5f, 0, 2, 1], 4)).Value;
        var head = trained ? tape.Backend.AsWeight(p[0].Value) : Weight(tape, 6, 3);
        using var losses = tape.TokenLosses(x[0], head, Indices(tape, 0, 5, 2, 2), weights, trained ? p[0].Gradient : null);
        return Dot(losses, weights);
    });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_whole_model(bool recompute)
    {
        using var model = new SmallModel();
        model.Step(recompute);
        foreach (var parameter in model.Parameters)
            Compare(parameter.Name, parameter.Value, ReferenceBackend.Values(parameter.Gradient), () =>
            {
                using var tape = new Tape(model.Backend, recording: false);
                return model.Loss(tape, recompute);
            });
    }

    /// <summary>Checks an operation through the loss Σ w ∘ y with a fixed random w.</summary>
    private static void Check((int, int)[] inputs, (int, int)[] parameters, Func<Tape, Variable[], Parameter[], Variable> operation) =>
        CheckLoss(inputs, parameters, (tape, x, p) =>
        {
            using var y = operation(tape, x, p);
            var w = Random(tape, y.Value.Rows, y.Value.Columns, seed: 99);
            var loss = Dot(y.Value, w);
            if (tape.Recording)
                y.AddGradient(w);
            else
                w.Dispose();
            return loss;
        });

    private static void CheckLoss((int, int)[] inputs, (int, int)[] parameters, Func<Tape, Variable[], Parameter[], double> work)
    {
        using var backend = new ReferenceBackend();
        var random = new Random(1);
        var values = inputs.Select(s => backend.Upload(TensorKind.Activation, Normal(random, s.Item1 * s.Item2), s.Item1, s.Item2)).ToArray();
        var trained = parameters.Select((s, i) => new Parameter(backend, $"parameter {i}", Normal(random, s.Item1 * s.Item2), s.Item1, s.Item2)).ToArray();
        var before = backend.LiveTensors;
        var gradients = new List<(string Name, Tensor Value, double[] Gradient)>();
        using (var tape = new Tape(backend, recording: true))
        {
            var leaves = values.Select(v => tape.Borrow(v, requiresGradient: true)).ToArray();
            work(tape, leaves, trained);
            tape.Backward();
            for (var i = 0; i < leaves.Length; i++)
            {
                using var gradient = leaves[i].TakeGradient();
                gradients.Add(($"input {i}", values[i], ReferenceBackend.Values(gradient!)));
            }
        }
        gradients.AddRange(trained.Select(p => (p.Name, p.Value, ReferenceBackend.Values(p.Gradient))));
        Assert.Equal(before, backend.LiveTensors);
        foreach (var (name, value, gradient) in gradients)
            Compare(name, value, gradient, () =>
            {
                using var tape = new Tape(backend, recording: false);
                return work(tape, [.. values.Select(v => tape.Borrow(v))], trained);
            });
        Assert.Equal(before, backend.LiveTensors);
    }

    private static void Compare(string name, Tensor value, double[] gradient, Func<double> loss)
    {
        const double step = 1e-5;
        var elements = ReferenceBackend.Values(value);
        Assert.Contains(gradient, v => Math.Abs(v) > 1e-4);
        for (var i = 0; i < elements.Length; i++)
        {
            var original = elements[i];
            elements[i] = original + step;
            var above = loss();
            elements[i] = original - step;
            var below = loss();
            elements[i] = original;
            var difference = (above - below) / (2 * step);
            Assert.True(
                Math.Abs(difference - gradient[i]) < 1e-7 * (1 + Math.Abs(difference)), $"{name}: element {i} has gradient {gradient[i]}, not {difference}.");
        }
    }

    /// <summary>A gated mixture [6, 8]: two filters 2x2/3x4, one 1x2 filter and an identity, of gates p[0] and factors p[1], p[2], p[3].</summary>
    private static KroneckerVariable Mixture(Tape tape, Parameter[] p)
    {
        var coefficients = tape.Softmax(p[0]);
        var constant = tape.Own(Random(tape, 2, 4));
        return new KroneckerVariable(
            new KroneckerSum(6, 8, coefficients.Value,
            [
                new(new(2, 2, 3, 4), 0, 2, p[1].Value, p[2].Value),
                new(new(2, 2, 3, 4), 2, 1, null, p[2].Value),
                new(new(2, 4, 3, 2), 3, 1, constant.Value, p[3].Value),
            ]),
            coefficients, [(tape.Trained(p[1]), tape.Trained(p[2])), (null, tape.Trained(p[2])), (constant, tape.Trained(p[3]))]);
    }

    private static WeightMatrix Weight(Tape tape, int rows, int columns) =>
        tape.Backend.Upload(RandomMatrices.Matrix(WeightForm.DenseF32, rows, columns, new Random(3)));

    private static Tensor Random(Tape tape, int rows, int columns, int seed = 7) =>
        tape.Backend.Upload(TensorKind.Parameter, Normal(new Random(seed), rows * columns), rows, columns);

    private static Tensor Indices(Tape tape, params int[] values) => tape.Own(tape.Backend.Upload(values)).Value;

    private static float[] Normal(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => (float)RandomMatrices.Normal(random))];

    private static double Dot(Tensor a, Tensor b) => ReferenceBackend.Values(a).Zip(ReferenceBackend.Values(b), (x, y) => x * y).Sum();
}
