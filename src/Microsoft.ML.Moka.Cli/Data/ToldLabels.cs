namespace Microsoft.ML.Moka.Cli.Data;

/// <summary>The labels of a model, and from which probability on they apply where any number of them may.</summary>
/// <param name="Labels">The labels in the model's order.</param>
/// <param name="Threshold">The probability above which one applies; null where a row has one label, the likeliest.</param>
internal sealed record ToldLabels(IReadOnlyList<string> Labels, float? Threshold)
{
    private const char Separator = ';';

    /// <summary>Those that apply to a row, the likeliest first; null where it has one label.</summary>
    public IReadOnlyList<string>? Applying(LabelPrediction prediction) => Threshold is { } threshold
        ? [.. prediction.Labels.Where(label => label.Probability > threshold).Select(label => label.Label)]
        : null;

    /// <summary>Labels as a text that 'moka train' reads again: separated, or a list where one of the model's has a separator in it.</summary>
    public string Joined(IReadOnlyList<string> applying) => Labels.Any(label => label.Contains(Separator, StringComparison.Ordinal))
        ? JsonList.Write(json =>
        {
            json.WriteStartArray();
            foreach (var label in applying)
                json.WriteStringValue(label);
            json.WriteEndArray();
        })
        : string.Join(Separator, applying);
}
