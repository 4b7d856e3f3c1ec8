namespace Microsoft.ML.Moka.Tensors;

/// <summary>
/// The gradient tape of one step. Modules write the forward pass only; each operation (<see cref="TapeOperations"/>) leaves its backward step here,
/// unless nothing below it is trained. A tape that does not record serves scoring.
/// </summary>
internal sealed class Tape(Backend backend, bool recording, CancellationToken cancellation = default) : IDisposable
{
    private readonly Stack<Action> _backwardSteps = new();
    private readonly HashSet<Variable> _live = [];
    private readonly List<IDisposable> _kept = [];

    public Backend Backend { get; } = backend;

    public bool Recording { get; } = recording;

    /// <summary>Between two parts of a pass, which may be long.</summary>
    /// <exception cref="OperationCanceledException">The step was cancelled.</exception>
    public void ThrowIfCanceled() => cancellation.ThrowIfCancellationRequested();

    /// <summary>Takes ownership of <paramref name="value"/> as an input or an operation's result.</summary>
    public Variable Own(Tensor value, bool requiresGradient = false) => Own(value, requiresGradient, null);

    private Variable Own(Tensor value, bool requiresGradient, Func<Tensor>? again)
    {
        var variable = new Variable(this, value, requiresGradient && Recording, ownsValue: true, again: again);
        _live.Add(variable);
        return variable;
    }

    /// <summary>Keeps what backward steps read until the tape ends.</summary>
    public T Keep<T>(T value)
        where T : IDisposable
    {
        _kept.Add(value);
        return value;
    }

    /// <summary>
    /// The result of an operation. Where the tape records and <paramref name="requiresGradient"/>, <paramref name="backward"/> is called with the
    /// gradient of the result (which the tape disposes), adds the inputs' gradients, and disposes what was held for it. Where memory is dearer than computing
    /// the value once more, <paramref name="again"/> does so from what is held for the backward step.
    /// </summary>
    public Variable Record(Tensor value, bool requiresGradient, Func<Action<Tensor>> backward, Func<Tensor>? again = null)
    {
        // Nothing is held where there is no backward step.
        var result = Own(value, requiresGradient, requiresGradient && Recording ? again : null);
        if (!result.RequiresGradient)
            return result;
        var step = backward();
        _backwardSteps.Push(() =>
        {
            using var gradient = result.TakeGradient();
            if (gradient is not null)
                step(gradient);
        });
        return result;
    }

    /// <summary>Runs the backward steps, last first, from gradients that were seeded with <see cref="Variable.AddGradient"/>.</summary>
    public void Backward()
    {
        while (_backwardSteps.TryPop(out var step))
        {
            ThrowIfCanceled();
            step();
        }
    }

    /// <summary>
    /// Runs <paramref name="segment"/> without keeping its intermediate values and runs it once more in the backward pass (gradient checkpointing).
    /// The segment must be a function of its input and of parameters alone.
    /// </summary>
    public Variable Recompute(Variable input, Func<Tape, Variable, Variable> segment)
    {
        Tensor output;
        using (var forward = new Tape(Backend, recording: false, cancellation))
            output = forward.Detach(segment(forward, forward.Borrow(input.Value)));
        return Record(output, true, () =>
        {
            input.Hold();
            return dy =>
            {
                using var kept = Backend.KeepWeights();
                using var inner = new Tape(Backend, recording: true, cancellation);
                var leaf = inner.Borrow(input.Value, input.RequiresGradient);
                segment(inner, leaf).AddGradient(Backend.Clone(dy));
                inner.Backward();
                if (leaf.TakeGradient() is { } gradient)
                    input.AddGradient(gradient);
                input.Dispose();
            };
        });
    }

    /// <summary>A variable over a tensor that somebody else owns; its memory outlives the tape.</summary>
    public Variable Borrow(Tensor value, bool requiresGradient = false) => new(this, value, requiresGradient && Recording, ownsValue: false);

    /// <summary>A parameter as a variable, whose gradient is added to the parameter's.</summary>
    public Variable Trained(Parameter parameter) => new(this, parameter.Value, Recording, ownsValue: false, parameter.Gradient);

    /// <summary>Takes the value out of the tape: the caller owns the tensor.</summary>
    public Tensor Detach(Variable variable)
    {
        _live.Remove(variable);
        return variable.Value;
    }

    /// <summary>Frees whatever the forward and backward pass left, also after an exception.</summary>
    public void Dispose()
    {
        _backwardSteps.Clear();
        foreach (var variable in _live)
            variable.Release();
        _live.Clear();
        foreach (var value in _kept)
            value.Dispose();
        _kept.Clear();
    }

    /// <summary>Notes that the variable has a value or a gradient to free.</summary>
    internal void Remember(Variable variable) => _live.Add(variable);

    internal void Forget(Variable variable) => _live.Remove(variable);
}
