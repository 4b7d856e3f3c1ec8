using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>The trained weight update Δ of one linear map: factors and gates on a backend, and how Δ enters the map.</summary>
internal sealed class Adapter : IDisposable
{
    private readonly Backend _backend;
    private readonly float _dropout;
    private readonly List<(Parameter? Left, Parameter Right)> _factors = [];
    private readonly List<KroneckerGroup> _groups = [];
    private readonly List<(Tensor? Left, Tensor? Right)> _factorGradients = [];
    private readonly List<Parameter> _parameters = [];
    private readonly Parameter? _gates;
    private readonly Tensor? _constants;

    public Adapter(Backend backend, AdapterPlan plan, float dropout, AdapterValues values)
    {
        _backend = backend;
        _dropout = dropout;
        Plan = plan;
        try
        {
            var first = 0;
            foreach (var filter in plan.Filters)
            {
                var shape = filter.Shape;
                var left = filter.Left is null ? null : AddFactor(filter.Left, new FactorStack(first, filter.Count, shape.LeftRows, shape.LeftColumns));
                var right = AddFactor(filter.Right, new FactorStack(first, filter.Count, shape.RightRows, shape.RightColumns));
                _factors.Add((left, right));
                _groups.Add(new KroneckerGroup(shape, first, filter.Count, left?.Value, right.Value));
                _factorGradients.Add((left?.Gradient, right.Gradient));
                first += filter.Count;
            }
            if (plan.Coefficients is SoftmaxGates gates)
            {
                _gates = new Parameter(backend, $"{plan.Map.Name}.{gates.Name}", values.Gates(plan.Map, gates, first), first) { Decays = false };
                _parameters.Add(_gates);
            }
            else
            {
                var constants = new float[first];
                Array.Fill(constants, ((ConstantCoefficient)plan.Coefficients).Value);
                _constants = backend.Upload(TensorKind.Parameter, constants, first);
            }
        }
        catch
        {
            Dispose();
            throw;
        }

        Parameter AddFactor(FactorRule rule, FactorStack stack)
        {
            var name = $"{plan.Map.Name}.{rule.Name}.{stack.First}";
            var parameter = new Parameter(backend, name, values.Factors(plan.Map, rule, stack), stack.Count * stack.Rows, stack.Columns);
            _parameters.Add(parameter);
            return parameter;
        }
    }

    public AdapterPlan Plan { get; }

    /// <summary>The stacked factors of each group, then the gates.</summary>
    public IReadOnlyList<Parameter> Parameters => _parameters;

    internal IReadOnlyList<(Parameter? Left, Parameter Right)> Factors => _factors;

    internal Parameter? Gates => _gates;

    /// <summary>y = x (W + Δ)ᵀ for the frozen W.</summary>
    public Variable Forward(Tape tape, Variable x, WeightMatrix weight, AdapterPass pass)
    {
        var delta = OnTape(tape);
        var y = pass.DropoutSeed is { } seed && _dropout > 0
            ? WithDropout(tape, x, weight, delta, new SeededRandom(seed, Plan.Map.Name).Next())
            : pass.TwoPaths ? TwoPaths(tape, x, x, weight, delta) : tape.Linear(x, weight, delta);
        delta.Coefficients.Dispose();
        return y;
    }

    /// <summary>W + Δ in full precision.</summary>
    public Tensor Merge(WeightMatrix weight) => Expand(weight, 1);

    /// <summary>W from a merged W + Δ.</summary>
    public Tensor Unmerge(WeightMatrix merged) => Expand(merged, -1);

    public void Dispose()
    {
        foreach (var parameter in _parameters)
            parameter.Dispose();
        _constants?.Dispose();
    }

    private KroneckerVariable OnTape(Tape tape)
    {
        var coefficients = _gates is null ? tape.Borrow(_constants!) : tape.Softmax(_gates);
        return new KroneckerVariable(Sum(coefficients.Value), coefficients, _factorGradients);
    }

    private KroneckerSum Sum(Tensor coefficients) => new(Plan.Map.Rows, Plan.Map.Columns, coefficients, _groups);

    private Variable WithDropout(Tape tape, Variable x, WeightMatrix weight, KroneckerVariable delta, ulong seed)
    {
        var dropped = tape.Dropout(x, _dropout, seed);
        var y = TwoPaths(tape, x, dropped, weight, delta);
        dropped.Dispose();
        return y;
    }

    private static Variable TwoPaths(Tape tape, Variable x, Variable adapterInput, WeightMatrix weight, KroneckerVariable delta)
    {
        var frozen = tape.Linear(x, weight);
        var update = tape.Kronecker(adapterInput, delta);
        var y = tape.Add(frozen, update);
        frozen.Dispose();
        update.Dispose();
        return y;
    }

    private Tensor Expand(WeightMatrix weight, float sign)
    {
        using var tape = new Tape(_backend, recording: false);
        var values = new float[Plan.FilterCount];
        _backend.Download(OnTape(tape).Sum.Coefficients, values);
        for (var i = 0; i < values.Length; i++)
            values[i] *= sign;
        using var coefficients = _backend.Upload(TensorKind.Parameter, values, values.Length);
        return _backend.Expand(weight, Sum(coefficients));
    }
}
