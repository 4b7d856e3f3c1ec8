using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>A linear layer without bias that makes scores of hidden states, instead of the head over the vocabulary.</summary>
/// <param name="Pooling">Which hidden state of a sequence it reads.</param>
/// <param name="Outputs">The labels, or 1.</param>
/// <param name="Columns">The hidden size.</param>
internal sealed record ScoreHeadRule(MokaHead Pooling, int Outputs, int Columns)
{
    /// <summary>What transformers calls it.</summary>
    public const string Module = "score";

    /// <summary>Its weight in files.</summary>
    public const string TensorName = $"{Module}.weight";

    public long ParameterCount => (long)Outputs * Columns;

    /// <summary>What the output of a regression stands for.</summary>
    public TargetScale Targets { get; init; } = TargetScale.Plain;

    /// <summary>Whether each output says by itself if its label applies: any number of labels may, and one output is a label too.</summary>
    public bool IsMultiLabel { get; init; }
}

/// <summary>A value is mean + scale · output: a head starts at zero, and learns numbers of about 1 best.</summary>
internal sealed record TargetScale(double Mean, double Scale)
{
    public static TargetScale Plain { get; } = new(0, 1);

    /// <summary>Mean and standard deviation of the values that a head is trained on, each counted by its weight.</summary>
    /// <exception cref="InvalidOperationException">All are the same.</exception>
    public static TargetScale Of(IReadOnlyCollection<(double Value, double Weight)> values)
    {
        var total = values.Sum(value => value.Weight);
        var mean = values.Sum(value => value.Weight * value.Value) / total;
        var scale = Math.Sqrt(values.Sum(value => value.Weight * (value.Value - mean) * (value.Value - mean)) / total);
        return scale > 0 && values.Select(value => value.Value).Distinct().Skip(1).Any()
            ? new TargetScale(mean, scale)
            : throw new InvalidOperationException(FormattableString.Invariant(
                $"All labels of the training set are {values.First().Value}: a regression needs rows whose labels differ."));
    }

    public float ValueOf(float output) => (float)(Mean + Scale * output);

    public float OutputOf(float value) => (float)((value - Mean) / Scale);
}

/// <summary>The layer of a model. It starts at zero: all scores are alike.</summary>
internal sealed class ScoreHead(Backend backend, ScoreHeadRule rule, AdapterValues values) : IDisposable
{
    public ScoreHeadRule Rule { get; } = rule;

    /// <summary>[outputs, hidden size].</summary>
    public Parameter Parameter { get; } =
        new(backend, ScoreHeadRule.TensorName, values.Head(rule), rule.Outputs, rule.Columns) { IsHead = true };

    public void Dispose() => Parameter.Dispose();
}
