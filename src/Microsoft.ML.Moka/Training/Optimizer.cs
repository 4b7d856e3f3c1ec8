using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Training;

/// <summary>AdamW over a list of parameters, and the weights that they had before the latest update.</summary>
internal sealed class Optimizer : IDisposable
{
    private readonly Backend _backend;
    private readonly TrainingPlan _plan;
    private readonly List<Slot> _slots = [];
    private readonly List<Joint> _joints = [];

    public Optimizer(Backend backend, IReadOnlyList<Parameter> parameters, TrainingPlan plan)
    {
        _backend = backend;
        _plan = plan;
        try
        {
            foreach (var parameter in parameters)
                _slots.Add(new Slot(parameter, ZerosLike(parameter), ZerosLike(parameter), _backend.Clone(parameter.Value)));
            foreach (var alike in _slots.GroupBy(slot => (slot.Parameter.Decays, slot.Parameter.IsHead, slot.Parameter.RateFactor)))
                Join([.. alike]);
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

    /// <summary>All gradients, in as few pieces as the backend makes of them.</summary>
    public IEnumerable<Tensor> Gradients => _joints.Select(joint => joint.Gradient);

    /// <summary>The moments by parameter.</summary>
    public IEnumerable<(Parameter Parameter, Tensor First, Tensor Second)> Moments => _slots.Select(s => (s.Parameter, s.First, s.Second));

    /// <summary>The Euclidean norm of all gradients together.</summary>
    public double GradientNorm() => Math.Sqrt(_joints.Sum(joint => _backend.SumOfSquares(joint.Gradient)));

    /// <summary>
    /// One update from the gradients, whose norm the caller has found finite; clears them. A head's rate goes the same way from another height.
    /// </summary>
    public void Update(float learningRate, double gradientNorm)
    {
        var headRate = (float)(learningRate * (double)(_plan.HeadLearningRate ?? _plan.LearningRate) / _plan.LearningRate);
        Step++;
        var clips = _plan.MaximumGradientNorm > 0 && gradientNorm > _plan.MaximumGradientNorm;
        var scale = clips ? (float)(_plan.MaximumGradientNorm / gradientNorm) : 1f;
        foreach (var joint in _joints)
        {
            _backend.Copy(joint.Value, joint.Good);
            var decay = !joint.Decays ? 0 : joint.IsHead ? _plan.HeadWeightDecay ?? _plan.WeightDecay : _plan.WeightDecay;
            _backend.AdamW(
                joint.Value, joint.Gradient, joint.First, joint.Second,
                new AdamWStep((joint.IsHead ? headRate : learningRate) * joint.RateFactor, _plan.Beta1, _plan.Beta2, _plan.Epsilon, decay, scale, Step));
        }
        foreach (var slot in _slots)
            slot.Parameter.Changed();
    }

    /// <summary>Goes on after so many updates, with the values and moments that the caller has put back.</summary>
    public void Resume(int step)
    {
        Step = step;
        foreach (var joint in _joints)
            _backend.Copy(joint.Value, joint.Good);
    }

    /// <summary>Takes back the latest update of the weights: before it, loss and gradient were finite.</summary>
    public void RestoreGoodWeights()
    {
        foreach (var slot in _slots)
            slot.Parameter.Overwrite(_backend, slot.Good);
    }

    public void ClearGradients()
    {
        foreach (var joint in _joints)
        {
            using var zeros = _backend.Zeros(TensorKind.Parameter, joint.Gradient.Rows, joint.Gradient.Columns);
            _backend.Copy(zeros, joint.Gradient);
        }
    }

    public void Dispose()
    {
        var given = new HashSet<Tensor>();
        foreach (var slot in _slots)
            given.UnionWith([slot.Parameter.Value, slot.Parameter.Gradient, slot.First, slot.Second, slot.Good]);
        foreach (var tensor in _joints.SelectMany(joint => new[] { joint.Value, joint.Gradient, joint.First, joint.Second, joint.Good }))
            if (!given.Contains(tensor))
                tensor.Dispose();
        foreach (var slot in _slots)
        {
            slot.First.Dispose();
            slot.Second.Dispose();
            slot.Good.Dispose();
        }
    }

    /// <summary>Parameters that are updated alike, in as few pieces as the backend makes of them.</summary>
    private void Join(IReadOnlyList<Slot> slots)
    {
        var values = Joined(slot => slot.Parameter.Value);
        var gradients = Joined(slot => slot.Parameter.Gradient);
        var (first, second, good) = (Joined(slot => slot.First), Joined(slot => slot.Second), Joined(slot => slot.Good));
        for (var i = 0; i < values.Count; i++)
            _joints.Add(new Joint(values[i], gradients[i], first[i], second[i], good[i], slots[0].Parameter));

        IReadOnlyList<Tensor> Joined(Func<Slot, Tensor> part) => _backend.Join([.. slots.Select(part)]);
    }

    private Tensor ZerosLike(Parameter parameter) => _backend.Zeros(TensorKind.Parameter, parameter.Value.Rows, parameter.Value.Columns);

    /// <param name="Parameter">What is trained.</param>
    /// <param name="First">The mean of its gradients.</param>
    /// <param name="Second">The mean of their squares.</param>
    /// <param name="Good">Its value before the latest update.</param>
    private sealed record Slot(Parameter Parameter, Tensor First, Tensor Second, Tensor Good);

    /// <summary>What is updated at once: a parameter, or several in one memory.</summary>
    private sealed record Joint(Tensor Value, Tensor Gradient, Tensor First, Tensor Second, Tensor Good, Parameter Alike)
    {
        public bool Decays => Alike.Decays;

        public bool IsHead => Alike.IsHead;

        public float RateFactor => Alike.RateFactor;
    }
}
