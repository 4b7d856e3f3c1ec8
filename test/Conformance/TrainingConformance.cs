using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Conformance;

public abstract class TrainingConformance<TBackends> : Conformance<TBackends>
    where TBackends : BackendCases, new()
{
    [Theory]
    [MemberData(nameof(NamesAndFormats))]
    public void Token_losses_of_a_frozen_head(string name, WeightForm format) => Check(name, 40, s =>
    {
        foreach (var (rows, width, vocabulary) in new[] { (1, 8, 1), (1, 64, 300), (3, 33, 17), (40, 64, 65), (70, 32, 600) })
        {
            var head = s.Weight(format, vocabulary, width);
            var hidden = s.Activation(rows, width);
            var targets = s.RandomIndices(rows, vocabulary);
            s.Result("losses", s.Backend.TokenLosses(hidden, head, targets, null, out var none));
            Assert.Null(none);
            s.Result("losses again", s.Backend.TokenLosses(hidden, head, targets, s.Parameter(rows), out var gradient));
            s.Result("dh", gradient!);
        }
    });

    /// <summary>
    /// So many logits that a backend may take a part of the vocabulary at a time; the last token is a target too, and may be a part by itself.
    /// </summary>
    [Theory]
    [MemberData(nameof(NamesAndFormats))]
    public void Token_losses_of_a_large_vocabulary(string name, WeightForm format) => Check(name, 40, s =>
    {
        foreach (var (rows, width, vocabulary) in new[] { (1, 64, 2400), (9, 32, 2113), (70, 33, 1057) })
        {
            var head = s.Weight(format, vocabulary, width);
            var hidden = s.Activation(rows, width, 0.3);
            var targets = s.Indices([.. Enumerable.Range(0, rows).Select(row => vocabulary - 1 - row * 15)]);
            s.Result("losses", s.Backend.TokenLosses(hidden, head, targets, null, out _));
            s.Result("losses again", s.Backend.TokenLosses(hidden, head, targets, s.Parameter(rows), out var gradient));
            s.Result("dh", gradient!);
        }
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Token_losses_of_many_rows(string name) => Check(name, 40, s =>
    {
        var (hidden, head, targets) = (s.Activation(500, 33), s.Weight(WeightForm.DenseF32, 2300, 33), s.RandomIndices(500, 2300));
        s.Result("losses", s.Backend.TokenLosses(hidden, head, targets, null, out _));
        s.Result("losses again", s.Backend.TokenLosses(hidden, head, targets, s.Parameter(500), out var gradient));
        s.Result("dh", gradient!);
    });

    /// <summary>Rows whose target has nearly all of the probability: what is left for the gradient is no difference of two numbers near 1.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Gradients_of_rows_that_are_learned_well(string name) => Check(name, 400, s =>
    {
        foreach (var vocabulary in new[] { 60, 2400 })
        {
            const int Width = 64;
            var random = new Random(7);
            var head = Enumerable.Range(0, vocabulary * Width).Select(_ => random.NextSingle() - 0.5f).ToArray();
            int[] targets = [0, 17, vocabulary - 1];
            var hidden = targets.SelectMany(target => head.AsSpan(target * Width, Width).ToArray().Select(value => 3.5f * value)).ToArray();
            s.Result("losses", s.Backend.TokenLosses(
                s.Keep(s.Backend.Upload(TensorKind.Activation, hidden, 3, Width)), s.AsWeight(s.Parameter(head, Width)), s.Indices(targets),
                s.Parameter([1, 1, 1]), out var gradient));
            s.Result("dh", gradient!);
        }
    });

    /// <summary>Rows of weight 0 have a loss and give no gradient.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Token_losses_of_a_trained_head(string name) => Check(name, 40, s =>
    {
        foreach (var (rows, width, vocabulary) in new[] { (0, 8, 9), (1, 8, 1), (2, 65, 40), (33, 32, 200), (300, 16, 50), (2, 8, 128_256) })
        {
            var parameter = s.Parameter(vocabulary, width, 0.5);
            var (hidden, targets) = (s.Activation(rows, width), s.RandomIndices(rows, vocabulary));
            var weights = s.Parameter([.. Enumerable.Range(0, rows).Select(i => i % 3 == 1 ? 0 : 0.25f * (i % 5))]);
            var headGradient = s.Parameter(vocabulary, width);
            s.Result("losses", s.Backend.TokenLosses(hidden, s.AsWeight(parameter), targets, weights, out var gradient, headGradient));
            s.Result("dh", gradient!);
            s.Peek("d head", headGradient);
        }
    });

    /// <summary>A head over pooled states: float32 from the mean to the loss and back, whatever the states are kept in.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Losses_and_scores_of_a_head_over_means(string name) => Check(name, 40, s =>
    {
        foreach (var (rows, width, labels) in new[] { (1, 8, 2), (9, 64, 77), (40, 33, 3) })
        {
            var hidden = s.Activation(rows, width);
            RowRange[] ranges = [new(0, 1), new(rows - 1, 1), new(0, rows)];
            var states = s.Keep(s.Backend.MeanRows(hidden, ranges));
            var head = s.Parameter(labels, width, 0.5);
            var headGradient = s.Parameter(labels, width);
            var losses = s.Backend.TokenLosses(
                states, s.AsWeight(head), s.RandomIndices(3, labels), s.Parameter([0.5f, 0.25f, 0.25f]), out var gradient, headGradient);
            s.Result("losses", losses);
            s.Keep(gradient!);
            s.Peek("d head", headGradient);
            s.Result("d hidden", s.Backend.MeanRowsGradient(gradient!, ranges, rows));
            var scores = s.Backend.Linear(states, s.AsWeight(head));
            s.Result("scores", scores);
        }
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Token_losses_of_large_logits(string name) => Check(name, 500, s =>
    {
        var head = s.AsWeight(s.Parameter(90, 20, 30));
        s.Result("losses", s.Backend.TokenLosses(s.Activation(12, 20, 10), head, s.RandomIndices(12, 90), s.Parameter(12), out var gradient));
        s.Result("dh", gradient!);
    });

    [Theory]
    [MemberData(nameof(Names))]
    public void Sums_of_squares(string name) => Check(name, 1, s =>
    {
        foreach (var (rows, columns) in new[] { (1, 1), (3, 5), (7, 100), (300, 1000) })
            s.Result("Σ x²", s.Backend.SumOfSquares(s.Parameter(rows, columns)));
        s.Result("nothing", s.Backend.SumOfSquares(s.Parameter(0)));
        s.Result("large and small", s.Backend.SumOfSquares(s.Parameter([1e15f, 3, 1e-20f])));
    });

    /// <summary>Double accumulation: single precision would lose the small elements.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Sums_of_squares_keep_small_elements(string name)
    {
        using var backend = Find(name).Create();
        using var x = backend.Upload(TensorKind.Parameter, Enumerable.Repeat(1e-3f, 100_000).Prepend(1e3f).ToArray(), 100_001);
        Assert.Equal(1e6 + 0.1, backend.SumOfSquares(x), 1e-6);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void AdamW_over_several_steps(string name) => Check(name, 100, s =>
    {
        foreach (var (rows, columns) in new[] { (1, 1), (5, 7), (33, 100) })
        {
            Tensor value = s.Parameter(rows, columns), gradient = s.Parameter(rows, columns);
            var moments = new[] { s.Keep(s.Backend.Zeros(TensorKind.Parameter, rows, columns)), s.Keep(s.Backend.Zeros(TensorKind.Parameter, rows, columns)) };
            for (var t = 1; t <= 6; t++)
            {
                s.Backend.AdamW(value, gradient, moments[0], moments[1], new AdamWStep(0.1f / t, 0.9f, 0.98f, 1e-6f, 0.05f, 0.7f, t));
                s.Peek($"value {t}", value);
                s.Peek("m", moments[0]);
                s.Peek("v", moments[1]);
                s.Peek("gradient, zeroed", gradient);
                s.Backend.AddInPlace(gradient, s.Parameter(rows, columns));
            }
        }
    });
}
