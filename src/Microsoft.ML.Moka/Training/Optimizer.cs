using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Training;

/// <summary>AdamW over a list of parameters, and the weights that they had before the latest update.</summary>
internal sealed class Optimizer : IDisposable
{
    private readonly Backend _backend;
    private readonly TrainingPlan _plan;
    private readonly List<Slot> _slots = [];

    public Optimizer(Backend backend, IReadOnlyList<Parameter> parameters, TrainingPlan plan)
    {
        _backend = backend;
        _plan = plan;
        try
        {
            foreach (var parameter in parameters)
                _slots.Add(new Slot(parameter, ZerosLike(parameter), ZerosLike(parameter), _backend.Clone(parameter.Value)));
        }
        catch
        {
            Dispose();
            throw;
        }
        ClearGradients();
    }

    /// <summary>Updates that have been made.</summary>
    public int Step { get; private set; }

    /// <summary>The moments by parameter.</summary>
    public IEnumerable<(Parameter Parameter, Tensor First, Tensor Second)> Moments => _slots.Select(s => (s.Parameter, s.First, s.Second));

    /// <summary>The Euclidean norm of all gradients together.</summary>
    public double GradientNorm() => Math.Sqrt(_slots.Sum(slot => _backend.SumOfSquares(slot.Parameter.Gradient)));

    /// <summary>
    /// One update from the gradients, whose norm the caller has found finite; clears them. A head's rate goes the same way from another height.
    /// </summary>
    public void Update(float learningRate, double gradientNorm)
    {
        var headRate = (float)(learningRate * (double)(_plan.HeadLearningRate ?? _plan.LearningRate) / _plan.LearningRate);
        Step++;
        var clips = _plan.MaximumGradientNorm > 0 && gradientNorm > _plan.MaximumGradientNorm;
        var scale = clips ? (float)(_plan.MaximumGradientNorm / gradientNorm) : 1f;
        foreach (var slot in _slots)
        {
            _backend.Copy(slot.Parameter.Value, slot.Good);
            var isHead = slot.Parameter.IsHead;
            var decay = !slot.Parameter.Decays ? 0 : isHead ? _plan.HeadWeightDecay ?? _plan.WeightDecay : _plan.WeightDecay;
            slot.Parameter.Update(
                _backend, slot.First, slot.Second,
                new AdamWStep(isHead ? headRate : learningRate, _plan.Beta1, _plan.Beta2, _plan.Epsilon, decay, scale, Step));
        }
    }

    /// <summary>Goes on after so many updates, with the values and moments that the caller has put back.</summary>
    public void Resume(int step)
    {
        Step = step;
        foreach (var slot in _slots)
            _backend.Copy(slot.Parameter.Value, slot.Good);
    }

    /// <summary>Takes back the latest update of the weights: before it, loss and gradient were finite.</summary>
    public void RestoreGoodWeights()
    {
        foreach (var slot in _slots)
            slot.Parameter.Overwrite(_backend, slot.Good);
    }

    public void ClearGradients()
    {
        foreach (var slot in _slots)
        {
            using var zeros = ZerosLike(slot.Parameter);
            _backend.Copy(zeros, slot.Parameter.Gradient);
        }
    }

    public void Dispose()
    {
        foreach (var slot in _slots)
        {
            slot.First.Dispose();
            slot.Second.Dispose();
            slot.Good.Dispose();
        }
    }

    private Tensor ZerosLike(Parameter parameter) => _backend.Zeros(TensorKind.Parameter, parameter.Value.Rows, parameter.Value.Columns);

    /// <param name="Parameter">What is trained.</param>
    /// <param name="First">The mean of its gradients.</param>
    /// <param name="Second">The mean of their squares.</param>
    /// <param name="Good">Its value before the latest update.</param>
    private sealed record Slot(Parameter Parameter, Tensor First, Tensor Second, Tensor Good);
}
