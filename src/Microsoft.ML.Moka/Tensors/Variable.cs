namespace Microsoft.ML.Moka.Tensors;

/// <summary>
/// A value that an operation of the tape produced. Dispose it when the forward pass needs it no more: the tensor is freed at once,
/// or, where a backward step will read it, right after that step. What is cheaply computed again is freed at once too, and made anew for that step.
/// </summary>
internal sealed class Variable : IDisposable
{
    private readonly Tape _tape;
    private readonly bool _ownsValue;
    private readonly Tensor? _parameterGradient;
    private readonly Func<Tensor>? _again;
    private Tensor? _value;
    private int _holders = 1;
    private bool _isForwardDone;

    // again computes the value once more, for as long as the producer's backward step has not run; without it the value is kept.
    internal Variable(
        Tape tape, Tensor value, bool requiresGradient, bool ownsValue, Tensor? parameterGradient = null, Func<Tensor>? again = null)
    {
        _tape = tape;
        _ownsValue = ownsValue;
        _parameterGradient = parameterGradient;
        _value = value;
        _again = again;
        RequiresGradient = requiresGradient;
    }

    public Tensor Value => _value ??= _again!();

    /// <summary>Whether the loss depends on a trained parameter through this value.</summary>
    public bool RequiresGradient { get; }

    /// <summary>dLoss/dValue of a value that was computed, while the backward pass is between the value's consumers and its producer.</summary>
    internal Tensor? Gradient { get; private set; }

    /// <summary>Keeps the value alive for a backward step, which calls <see cref="Dispose"/> when it has run.</summary>
    internal Variable Hold()
    {
        _holders++;
        return this;
    }

    public void Dispose()
    {
        if (_holders == 0)
            return;
        if (--_holders > 0)
        {
            // The forward pass comes first: whoever else holds the value is a backward step.
            if (_again is not null && !_isForwardDone)
            {
                _value?.Dispose();
                _value = null;
            }
            _isForwardDone = true;
            return;
        }
        if (_ownsValue)
            _value?.Dispose();
        if (Gradient is null)
            _tape.Forget(this);
    }

    /// <summary>Adds to the gradient and takes ownership of <paramref name="gradient"/>.</summary>
    internal void AddGradient(Tensor gradient)
    {
        if (_parameterGradient is null && Gradient is null)
        {
            Gradient = gradient;
            _tape.Remember(this);
            return;
        }
        using (gradient)
            _tape.Backend.AddInPlace(_parameterGradient ?? Gradient!, gradient);
    }

    /// <summary>The gradient, made of zeros where there is none yet, for kernels that add to it; a parameter's own where the value is one.</summary>
    internal Tensor GradientToAccumulate()
    {
        if (_parameterGradient is not null)
            return _parameterGradient;
        if (Gradient is null)
            AddGradient(_tape.Backend.Zeros(Value.Kind, Value.Rows, Value.Columns));
        return Gradient!;
    }

    /// <summary>Hands the gradient over to the backward step of the producer.</summary>
    internal Tensor? TakeGradient()
    {
        var gradient = Gradient;
        Gradient = null;
        if (_holders == 0)
            _tape.Forget(this);
        return gradient;
    }

    /// <summary>Frees the tensors whoever holds them; for the tape that ends.</summary>
    internal void Release()
    {
        if (_holders > 0 && _ownsValue)
            _value?.Dispose();
        _holders = 0;
        Gradient?.Dispose();
        Gradient = null;
    }
}
