using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Models;

/// <summary>The labels of a classifier by their words, the form in which it gives them, and the columns that it adds.</summary>
internal sealed record ScoreOutputs(IReadOnlyList<string> Words, LabelForm Form, OutputNames Names) : IModelOutputs<ScoreOutputs>
{
    public const string Loader = "MokaTransformer";

    private const string TypeField = "label_type";
    private const string KeyField = "label_is_key";

    public static string ModelSignature => "MOKA TRF";

    public static string LoaderSignature => Loader;

    public int? HeadOutputs => Words.Count;

    public int Version => Form == LabelForm.KeyOfText ? 1 : ModelManifest.VersionOfLabels;

    public void Write(SortedDictionary<string, object?> fields, SortedDictionary<string, object?> columns)
    {
        fields["words"] = Words;
        columns["predicted_label"] = Names.PredictedLabel;
        columns["score"] = Names.Score;
        if (Form == LabelForm.KeyOfText)
            return;
        fields[TypeField] = Form.Item.Name;
        fields[KeyField] = Form.IsKey;
        columns["label"] = Names.Label;
        columns["label_key"] = Names.LabelKey;
    }

    public static ScoreOutputs Read(JsonFields fields, JsonFields columns)
    {
        var words = WordsOf(fields, fewest: 2);
        var form = FormOf(fields, words);
        return new ScoreOutputs(words, form, new OutputNames(
            columns.NonBlank("score"), columns.NonBlank("predicted_label"), form == LabelForm.KeyOfText ? "" : columns.NonBlank("label"),
            columns.Has("label_key") ? columns.NonBlank("label_key") : null));
    }

    public static IReadOnlyList<string> WordsOf(JsonFields fields, int fewest)
    {
        var words = fields.Texts("words");
        if (words.Count < fewest || words.Any(string.IsNullOrWhiteSpace) || words.Distinct(StringComparer.Ordinal).Count() < words.Count)
            throw fields.Error("words", $"must hold {(fewest > 1 ? "two" : "one")} or more different words");
        return words;
    }

    private static LabelForm FormOf(JsonFields fields, IReadOnlyList<string> words)
    {
        // Earlier versions knew one form only.
        if (!fields.Has(TypeField))
            return LabelForm.KeyOfText;
        var item = LabelItem.Of(fields.Text(TypeField)) ?? throw fields.Error(TypeField, $"is '{fields.Text(TypeField)}', which is no type of labels");
        return words.All(item.Has)
            ? new LabelForm(item, fields.Boolean(KeyField, false))
            : throw fields.Error("words", $"has '{words.First(word => !item.Has(word))}', which is no {item.Name}");
    }
}
