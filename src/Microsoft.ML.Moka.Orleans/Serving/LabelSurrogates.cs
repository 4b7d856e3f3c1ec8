using Orleans;

namespace Microsoft.ML.Moka.Orleans.Serving;

/// <summary>How a <see cref="LabelPrediction"/> goes through a cluster: core knows nothing of Orleans.</summary>
[GenerateSerializer]
[Alias("moka.labels")]
internal struct LabelPredictionSurrogate
{
    [Id(0)]
    public string Label;

    [Id(1)]
    public float Probability;

    [Id(2)]
    public string[] Labels;

    [Id(3)]
    public float[] Probabilities;
}

/// <inheritdoc cref="LabelPredictionSurrogate"/>
[RegisterConverter]
internal sealed class LabelPredictionConverter : IConverter<LabelPrediction, LabelPredictionSurrogate>
{
    public LabelPrediction ConvertFromSurrogate(in LabelPredictionSurrogate surrogate) => new(
        surrogate.Label, surrogate.Probability,
        [.. surrogate.Labels.Zip(surrogate.Probabilities, (label, probability) => new LabelProbability(label, probability))]);

    public LabelPredictionSurrogate ConvertToSurrogate(in LabelPrediction value) => new()
    {
        Label = value.Label, Probability = value.Probability,
        Labels = [.. value.Labels.Select(label => label.Label)], Probabilities = [.. value.Labels.Select(label => label.Probability)],
    };
}
