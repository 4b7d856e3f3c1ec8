using System.Globalization;
using System.Text.Json.Serialization;

namespace Microsoft.ML.Moka.Cli.Data;

/// <summary>The labels of rows, the likeliest first.</summary>
/// <param name="told">The labels of the model, and which of them apply.</param>
/// <param name="found">What was predicted for each row.</param>
/// <param name="top">How many labels of a row are told; null for as many as the form has by itself.</param>
internal sealed class PredictedLabels(ToldLabels told, IReadOnlyList<LabelPrediction> found, int? top) : IPredictions
{
    private const string Predicted = "PredictedLabel";
    private const string Probability = "Probability";
    private const int Shown = 3;

    // Where any number of labels may apply, each has a probability, and none is that of the prediction.
    public IReadOnlyList<string> Columns => told.Threshold is null
        ? [Predicted, Probability, .. told.Labels.Select(label => $"Score.{label}")]
        : [Predicted, .. told.Labels.Select(label => $"{Probability}.{label}")];

    public IEnumerable<string> CellsOf(int row)
    {
        var byLabel = found[row].Labels.ToDictionary(label => label.Label, label => label.Probability);
        string[] predicted = told.Applying(found[row]) is { } applying ? [told.Joined(applying)] : [found[row].Label, Number(found[row].Probability)];
        return [.. predicted, .. told.Labels.Select(label => Number(byLabel[label]))];
    }

    public IReadOnlyList<string> Alone()
    {
        var applying = told.Applying(found[0]);
        return OrNone(found[0].Labels.Take(top ?? Shown).Select(label =>
            $"{Share(label)}{(applying is null ? "" : applying.Contains(label.Label) ? "  applies" : "  does not")}"));
    }

    public string OneOfSeveral(int row)
    {
        var applying = told.Applying(found[row]);
        return string.Join(", ", OrNone(found[row].Labels.Where(label => applying?.Contains(label.Label) is not false).Take(top ?? Shown).Select(Share)));
    }

    public void WriteJson(TextWriter writer, IReadOnlyList<PredictedRow> rows) =>
        Json.Write(writer, rows.Zip(found, (row, prediction) => PredictedText.Of(row, told.Applying(prediction), prediction, top)).ToArray());

    private static IReadOnlyList<string> OrNone(IEnumerable<string> lines) => lines.ToList() is { Count: > 0 } some ? some : ["none"];

    private static string Share(LabelProbability label) => FormattableString.Invariant($"{label.Label} {100 * label.Probability:0.0} %");

    private static string Number(float value) => value.ToString("0.######", CultureInfo.InvariantCulture);
}

/// <summary>A row's labels for scripts: the likeliest one, or those that apply where any number of them may.</summary>
internal sealed record PredictedText(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Text,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyDictionary<string, string>? Row,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Label,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] float? Probability,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string>? Applying,
    IReadOnlyList<LabelScore> Labels)
{
    public static PredictedText Of(PredictedRow row, IReadOnlyList<string>? applying, LabelPrediction prediction, int? top) => new(
        row.Text, row.Columns, applying is null ? prediction.Label : null, applying is null ? prediction.Probability : null, applying,
        [.. prediction.Labels.Take(top ?? prediction.Labels.Count).Select(label => new LabelScore(label.Label, label.Probability))]);
}

/// <summary>One of them.</summary>
internal sealed record LabelScore(string Label, float Probability);
