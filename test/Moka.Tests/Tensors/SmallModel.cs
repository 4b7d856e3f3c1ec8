using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Tests.Tensors;

/// <summary>Three layers that use every operation of the tape, in the way of a decoder, on the reference.</summary>
internal sealed class SmallModel : IDisposable
{
    public const int Width = 8;

    private const int Vocabulary = 11;
    private static readonly AttentionHeads Heads = new(4, 2, 2);

    private readonly Parameter _table;
    private readonly List<Layer> _layers = [];
    private readonly Tensor _ids, _positions, _targets, _last, _weights, _cosines, _sines;
    private readonly WeightMatrix _head;

    public SmallModel()
    {
        var random = new Random(5);
        _table = Parameter("table", Vocabulary, Width, random);
        for (var i = 0; i < 3; i++)
            _layers.Add(new Layer(
                Parameter($"{i}.norm", Width, 1, random), Parameter($"{i}.gates", 3, 1, random), Parameter($"{i}.left", 4, 2, random),
                Parameter($"{i}.right", 8, 4, random), Parameter($"{i}.diagonal", 4, 4, random), Parameter($"{i}.gate", Width, Width, random)));
        Frozen = Backend.Upload(RandomMatrices.Matrix(WeightForm.DenseF32, Width, Width, random));
        _head = Backend.Upload(RandomMatrices.Matrix(WeightForm.DenseF32, Vocabulary, Width, random));
        _ids = Backend.Upload([1, 5, 2, 5, 0, 10, 3]);
        _positions = Backend.Upload([0, 1, 2, 3, 0, 1, 2]);
        _last = Backend.Upload([3, 3, 6, 1]);
        _targets = Backend.Upload([4, 7, 1, 1]);
        _weights = Backend.Upload(TensorKind.Parameter, [0.5f, 0.25f, 1, 0], 4);
        _cosines = Backend.Upload(TensorKind.Parameter, [1, 0.5f, -0.4f, -1], 4);
        _sines = Backend.Upload(TensorKind.Parameter, [0, 0.8f, 0.9f, 0.1f], 4);
        Backend.Calls = 0;
    }

    private sealed record Layer(Parameter Norm, Parameter Gates, Parameter Left, Parameter Right, Parameter Diagonal, Parameter Gate);

    public FailingBackend Backend { get; } = new(new ReferenceBackend());

    public WeightMatrix Frozen { get; }

    public Tensor NormWeight => _layers[0].Norm.Value;

    public IEnumerable<Parameter> Parameters => _layers.SelectMany(l => new[] { l.Norm, l.Gates, l.Left, l.Right, l.Diagonal, l.Gate }).Prepend(_table);

    /// <summary>Forward and backward pass; gives the loss.</summary>
    public double Step(bool recompute)
    {
        using var tape = new Tape(Backend, recording: true);
        var loss = Loss(tape, recompute);
        tape.Backward();
        return loss;
    }

    public double Loss(Tape tape, bool recompute)
    {
        using var hidden = Forward(tape, recompute);
        using var rows = tape.GatherRows(hidden, _last);
        using var losses = tape.TokenLosses(rows, _head, _targets, _weights);
        return ReferenceBackend.Values(losses).Zip(ReferenceBackend.Values(_weights), (l, w) => l * w).Sum();
    }

    public Variable Forward(Tape tape, bool recompute)
    {
        var x = tape.Embedding(_table, _ids);
        foreach (var layer in _layers)
        {
            using var input = x;
            x = recompute ? tape.Recompute(input, (inner, value) => Run(inner, value, layer)) : Run(tape, input, layer);
        }
        return x;
    }

    private Variable Run(Tape tape, Variable x, Layer layer)
    {
        using var normed = tape.RmsNorm(x, layer.Norm.Value, 1e-2f, layer.Norm.Gradient);
        using var coefficients = tape.Softmax(layer.Gates);
        var wide = Mixture(tape, coefficients, Width, layer);
        var narrow = Mixture(tape, coefficients, Width / 2, layer);
        using var q = tape.Linear(normed, Frozen, wide);
        using var turned = tape.Rotary(q, _positions, _cosines, _sines);
        using var k = tape.Kronecker(normed, narrow);
        using var v = tape.Dropout(k, 0.2f, 3);
        using var attended = tape.Attention(turned, k, v, AttentionLayout.Sequences([4, 3]), Heads);
        using var gate = tape.Linear(attended, layer.Gate);
        using var up = tape.Linear(normed, Frozen);
        using var product = tape.SwiGlu(gate, up);
        return tape.Add(x, product);
    }

    /// <summary>Two filters A ⊗ B and a block-diagonal one, or for half the outputs two filters alone.</summary>
    private static KroneckerVariable Mixture(Tape tape, Variable coefficients, int outputs, Layer layer) => outputs == Width
        ? new KroneckerVariable(
            new KroneckerSum(Width, Width, coefficients.Value,
            [
                new(new(2, 2, 4, 4), 0, 2, layer.Left.Value, layer.Right.Value),
                new(new(2, 2, 4, 4), 2, 1, null, layer.Diagonal.Value),
            ]),
            coefficients, [(tape.Trained(layer.Left), tape.Trained(layer.Right)), (null, tape.Trained(layer.Diagonal))])
        : new KroneckerVariable(
            new KroneckerSum(Width / 2, Width, coefficients.Value, [new(new(1, 2, 4, 4), 0, 2, layer.Left.Value, layer.Right.Value)]),
            coefficients, [(tape.Trained(layer.Left), tape.Trained(layer.Right))]);

    private Parameter Parameter(string name, int rows, int columns, Random random) =>
        new(Backend, name, [.. Enumerable.Range(0, rows * columns).Select(_ => (float)(0.7 * RandomMatrices.Normal(random)))], rows, columns);

    public void Dispose()
    {
        foreach (var parameter in Parameters)
            parameter.Dispose();
        Backend.Dispose();
    }
}
