using Microsoft.ML.Moka.DataViews.Scoring;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Models;

/// <summary>The labels of which any number apply to a row, from which probability on they do, and the columns that tell of them.</summary>
internal sealed record MultiLabelOutputs(IReadOnlyList<string> Labels, float Threshold, MultiLabelNames Names) : IModelOutputs<MultiLabelOutputs>
{
    public const string Loader = "MokaMultiLabel";

    private const string ThresholdField = "threshold";

    public static string ModelSignature => "MOKA MLB";

    public static string LoaderSignature => Loader;

    public int? HeadOutputs => Labels.Count;

    public bool IsMultiLabel => true;

    public bool NeedsHead => true;

    public void Write(SortedDictionary<string, object?> fields, SortedDictionary<string, object?> columns)
    {
        fields["words"] = Labels;
        fields[ThresholdField] = (double)Threshold;
        columns["predicted_label"] = Names.PredictedLabel;
        columns["probability"] = Names.Probability;
        columns["score"] = Names.Score;
    }

    public static MultiLabelOutputs Read(JsonFields fields, JsonFields columns)
    {
        var threshold = fields.Number(ThresholdField, 0, 1, 0.5);
        return threshold is > 0 and < 1
            ? new MultiLabelOutputs(
                ScoreOutputs.WordsOf(fields, fewest: 1), (float)threshold,
                new MultiLabelNames(columns.NonBlank("predicted_label"), columns.NonBlank("score"), columns.NonBlank("probability")))
            : throw fields.Error(ThresholdField, "is not between 0 and 1");
    }
}
