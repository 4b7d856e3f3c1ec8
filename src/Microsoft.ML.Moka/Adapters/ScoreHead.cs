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
