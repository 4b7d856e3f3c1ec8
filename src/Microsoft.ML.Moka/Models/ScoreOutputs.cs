using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Models;

/// <summary>The answer words of a classifier, and the columns that it adds.</summary>
internal sealed record ScoreOutputs(IReadOnlyList<string> Words, string ScoreColumn, string PredictedLabelColumn) : IModelOutputs<ScoreOutputs>
{
    public const string Loader = "MokaTransformer";

    public static string ModelSignature => "MOKA TRF";

    public static string LoaderSignature => Loader;

    public int? HeadOutputs => Words.Count;

    public void Write(SortedDictionary<string, object?> fields, SortedDictionary<string, object?> columns)
    {
        fields["words"] = Words;
        columns["predicted_label"] = PredictedLabelColumn;
        columns["score"] = ScoreColumn;
    }

    public static ScoreOutputs Read(JsonFields fields, JsonFields columns)
    {
        var words = fields.Texts("words");
        if (words.Count < 2 || words.Any(string.IsNullOrWhiteSpace) || words.Distinct(StringComparer.Ordinal).Count() < words.Count)
            throw fields.Error("words", "must hold two or more different words");
        return new ScoreOutputs(words, columns.NonBlank("score"), columns.NonBlank("predicted_label"));
    }
}
