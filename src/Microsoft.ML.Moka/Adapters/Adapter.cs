using Microsoft.ML.Moka.Tensors;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>The trained weight update Δ of one linear map: factors and gates on a backend, and how Δ enters the map.</summary>
internal sealed class Adapter : IDisposable
{
    private readonly Backend _backend;
    private readonly float _dropout;
    private readonly List<(AdapterFactor? Left, AdapterFactor Right)> _factors = [];
    private readonly List<Parameter> _parameters = [];
    private readonly Parameter? _gates;
    private readonly Tensor? _constants;
    private readonly AdapterMagnitude? _magnitude;
    private readonly AdapterBias? _bias;

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
                var left = filter.Left is null ? null : Create(filter.Left, new FactorStack(first, filter.Count, shape.LeftRows, shape.LeftColumns));
                _factors.Add((left, Create(filter.Right, new FactorStack(first, filter.Count, shape.RightRows, shape.RightColumns))));
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
            if (plan.Magnitude is { } magnitude)
            {
                Parameter[] update = [.. _parameters];
                var lengths =
                    new Parameter(backend, $"{plan.Map.Name}.{magnitude.Name}", values.Magnitudes(plan.Map, magnitude), plan.Map.Rows) { Decays = false };
                _parameters.Add(lengths);
                _magnitude = new AdapterMagnitude(backend, lengths, update);
            }
            if (plan.Bias is { } bias)
            {
                _bias = new AdapterBias(backend, plan.Map, bias, values);
                _parameters.Add(_bias.Parameter);
            }
        }
        catch
        {
            Dispose();
            throw;
        }

        AdapterFactor Create(FactorRule rule, FactorStack stack) => AdapterFactor.Create(backend, plan.Map, rule, stack, values, _parameters.Add);
    }

    public AdapterPlan Plan { get; }

    /// <summary>The stacked factors of each group, then the gates or the magnitude, then the bias.</summary>
    public IReadOnlyList<Parameter> Parameters => _parameters;

    internal IEnumerable<StoredFactor> StoredFactors =>
        _factors.SelectMany(factor => factor.Left is null ? factor.Right.Stored : factor.Left.Stored.Concat(factor.Right.Stored));

    internal Parameter? Gates => _gates;

    internal Parameter? Magnitude => _magnitude?.Parameter;

    /// <summary>What is added to the outputs, if anything is.</summary>
    internal AdapterBias? Bias => _bias;

    /// <summary>y = x (W + Δ)ᵀ for the frozen W, scaled by output where the method has a magnitude.</summary>
    public Variable Forward(Tape tape, Variable x, WeightMatrix weight, AdapterPass pass)
    {
        if (Plan.MultipliesWeight)
            return ForwardMultiplied(tape, x, weight, pass);
        using var delta = OnTape(tape);
        var y = pass.DropoutSeed is { } seed && _dropout > 0
            ? WithDropout(tape, x, DropoutSeedOf(seed), dropped => TwoPaths(tape, x, dropped, weight, delta))
            : pass.TwoPaths ? TwoPaths(tape, x, x, weight, delta) : tape.Linear(x, weight, delta);
        return Finish(tape, y, weight, delta);
    }

    /// <summary>
    /// What <see cref="Forward"/> gives where updates are computed token by token, from what the frozen map has made of x, which is disposed. It is for
    /// decoding: no gradient passes.
    /// </summary>
    public Variable Beside(Tape tape, Variable x, Variable frozen, WeightMatrix weight)
    {
        if (Plan.MultipliesWeight)
            return Sum(tape, frozen, tape.Hadamard(x, weight, Products.Left, Products.Right, 0));
        using var delta = OnTape(tape);
        return Finish(tape, Sum(tape, frozen, tape.Kronecker(x, delta)), weight, delta);
    }

    /// <summary>The adapted weight in full precision: W + Δ, its rows scaled to the magnitude where the method has one.</summary>
    public Tensor Merge(WeightMatrix weight)
    {
        if (Plan.MultipliesWeight)
        {
            using var product = _backend.Hadamard(weight, Products.Left.Value, Products.Right.Value, 1);
            return _backend.Expand(product);
        }
        if (_magnitude is null)
            return Expand(weight, 1);
        using (var tape = new Tape(_backend, recording: false))
        using (var delta = OnTape(tape))
            _magnitude.NormsOf(weight, w => _backend.RowNorms(w, delta.Sum));
        using var sum = Expand(weight, 1);
        var (trained, norms) = _magnitude.Lengths()!.Value;
        return ScaleRows(sum, [.. trained.Zip(norms, (length, norm) => norm == 0 ? 0 : length / norm)]);
    }

    /// <summary>ΔW in full for an update that multiplies the weight.</summary>
    internal Tensor Update(WeightMatrix weight)
    {
        using var product = _backend.Hadamard(weight, Products.Left.Value, Products.Right.Value, 0);
        return _backend.Expand(product);
    }

    /// <summary>
    /// W from what <see cref="Merge"/> made of it. With a magnitude that takes the lengths ‖W + Δ‖, which a merged weight tells no more: they are known to the
    /// adapter that merged it, or ran on W, since its factors changed.
    /// </summary>
    /// <exception cref="InvalidOperationException">The lengths are not known, or something was multiplied by 0, so that nothing is left of it.</exception>
    public Tensor Unmerge(WeightMatrix merged)
    {
        if (Plan.MultipliesWeight)
            return Divide(merged);
        if (_magnitude is null)
            return Expand(merged, -1);
        var (trained, norms) = _magnitude.Lengths() ?? throw new InvalidOperationException(
            $"The update of {Plan.Map.Name} has a magnitude, and a merged weight does not tell what its rows' lengths were before: take the original weight, " +
            "or un-merge with the adapter that merged.");
        for (var row = 0; row < norms.Length; row++)
            if (trained[row] == 0 && norms[row] != 0)
                throw new InvalidOperationException(
                    $"Row {row} of {Plan.Map.Name} was merged with the magnitude 0, and nothing is left of it: take the original weight.");
        using var expanded = _backend.Expand(merged);
        using var sum = ScaleRows(expanded, [.. trained.Zip(norms, (length, norm) => norm == 0 ? 0 : norm / length)]);
        using var weight = _backend.AsWeight(sum);
        return Expand(weight, -1);
    }

    public void Dispose()
    {
        foreach (var parameter in _parameters)
            parameter.Dispose();
        foreach (var (left, right) in _factors)
        {
            left?.Dispose();
            right.Dispose();
        }
        _constants?.Dispose();
        _magnitude?.Dispose();
        _bias?.Dispose();
    }

    /// <summary>Δ as the backend computes it, made of the parameters.</summary>
    internal KroneckerVariable OnTape(Tape tape)
    {
        var coefficients = _gates is null ? tape.Borrow(_constants!) : tape.Softmax(_gates);
        var factors = new List<(Variable? Left, Variable Right)>();
        var groups = new List<KroneckerGroup>();
        var first = 0;
        foreach (var (filter, (left, right)) in Plan.Filters.Zip(_factors))
        {
            factors.Add((left?.OnTape(tape), right.OnTape(tape)));
            groups.Add(new KroneckerGroup(filter.Shape, first, filter.Count, factors[^1].Left?.Value, factors[^1].Right.Value));
            first += filter.Count;
        }
        return new KroneckerVariable(new KroneckerSum(Plan.Map.Rows, Plan.Map.Columns, coefficients.Value, groups), coefficients, factors);
    }

    /// <summary>The factors of the sum that multiplies a weight.</summary>
    private (Parameter Left, Parameter Right) Products => (_factors[0].Left!.Parts[0].Parameter, _factors[0].Right.Parts[0].Parameter);

    /// <summary>With the bias, and scaled to the magnitude.</summary>
    private Variable Finish(Tape tape, Variable y, WeightMatrix weight, KroneckerVariable delta)
    {
        if (_bias is not null)
            y = _bias.AddTo(tape, y);
        if (_magnitude is null)
            return y;
        var scaled = tape.ScaleColumns(y, _magnitude.Parameter, _magnitude.NormsOf(weight, w => _backend.RowNorms(w, delta.Sum)));
        y.Dispose();
        return scaled;
    }

    private ulong DropoutSeedOf(ulong seed) => new SeededRandom(seed, Plan.Map.Name).Next();

    private Variable ForwardMultiplied(Tape tape, Variable x, WeightMatrix weight, AdapterPass pass)
    {
        var (left, right) = Products;
        return pass.DropoutSeed is { } seed && _dropout > 0 ? WithDropout(tape, x, DropoutSeedOf(seed), Beside)
            : pass.TwoPaths ? Beside(x) : tape.Hadamard(x, weight, left, right, 1);

        Variable Beside(Variable input) => Sum(tape, tape.Linear(x, weight), tape.Hadamard(input, weight, left, right, 0));
    }

    private Variable WithDropout(Tape tape, Variable x, ulong seed, Func<Variable, Variable> forward)
    {
        var dropped = tape.Dropout(x, _dropout, seed);
        var y = forward(dropped);
        dropped.Dispose();
        return y;
    }

    private static Variable TwoPaths(Tape tape, Variable x, Variable adapterInput, WeightMatrix weight, KroneckerVariable delta) =>
        Sum(tape, tape.Linear(x, weight), tape.Kronecker(adapterInput, delta));

    private static Variable Sum(Tape tape, Variable frozen, Variable update)
    {
        var y = tape.Add(frozen, update);
        frozen.Dispose();
        update.Dispose();
        return y;
    }

    private Tensor Expand(WeightMatrix weight, float sign)
    {
        using var tape = new Tape(_backend, recording: false);
        using var delta = OnTape(tape);
        var values = new float[Plan.FilterCount];
        _backend.Download(delta.Sum.Coefficients, values);
        for (var i = 0; i < values.Length; i++)
            values[i] *= sign;
        using var coefficients = _backend.Upload(TensorKind.Parameter, values, values.Length);
        return _backend.Expand(weight, delta.Sum with { Coefficients = coefficients });
    }

    /// <summary>W from W ∘ (1 + Δ).</summary>
    private Tensor Divide(WeightMatrix merged)
    {
        var (rows, columns) = (Plan.Map.Rows, Plan.Map.Columns);
        var (values, factors) = (new float[(long)rows * columns], new float[(long)rows * columns]);
        using (var expanded = _backend.Expand(merged))
            _backend.Download(expanded, values);
        Array.Fill(factors, 1);
        using (var ones = _backend.Upload(TensorKind.Parameter, factors, rows, columns))
        using (var weight = _backend.AsWeight(ones))
        using (var product = _backend.Hadamard(weight, Products.Left.Value, Products.Right.Value, 1))
        using (var multiplied = _backend.Expand(product))
            _backend.Download(multiplied, factors);
        if (Array.IndexOf(factors, 0) is var zero and >= 0)
            throw new InvalidOperationException(
                $"Row {zero / columns}, column {zero % columns} of {Plan.Map.Name} was multiplied by 0, and nothing is left of it: take the original weight.");
        TensorPrimitives.Divide(values, factors, values);
        return _backend.Upload(TensorKind.Parameter, values, rows, columns);
    }

    private Tensor ScaleRows(Tensor matrix, float[] scales)
    {
        var values = new float[matrix.Length];
        _backend.Download(matrix, values);
        for (var row = 0; row < matrix.Rows; row++)
        {
            var elements = values.AsSpan(row * matrix.Columns, matrix.Columns);
            TensorPrimitives.Multiply(elements, scales[row], elements);
        }
        return _backend.Upload(TensorKind.Parameter, values, matrix.Rows, matrix.Columns);
    }
}
