using Microsoft.ML.Moka.DataViews.Scoring;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Models;

/// <summary>The two answer words of a binary classifier, that for false first, and the columns that it adds.</summary>
internal sealed record BinaryOutputs(IReadOnlyList<string> Words, BinaryNames Names) : IModelOutputs<BinaryOutputs>
{
    public const string Loader = "MokaBinary";

    public static string ModelSignature => "MOKA BIN";

    public static string LoaderSignature => Loader;

    public int? HeadOutputs => Words.Count;

    public int Version => ModelManifest.VersionOfLabels;

    public void Write(SortedDictionary<string, object?> fields, SortedDictionary<string, object?> columns)
    {
        fields["words"] = Words;
        columns["predicted_label"] = Names.PredictedLabel;
        columns["probability"] = Names.Probability;
        columns["score"] = Names.Score;
    }

    public static BinaryOutputs Read(JsonFields fields, JsonFields columns)
    {
        var words = ScoreOutputs.WordsOf(fields, fewest: 2);
        return words.Count == 2
            ? new BinaryOutputs(words, new BinaryNames(columns.NonBlank("predicted_label"), columns.NonBlank("score"), columns.NonBlank("probability")))
            : throw fields.Error("words", $"has {words.Count} words, and a binary classifier has two");
    }
}
