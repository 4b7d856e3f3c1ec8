using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Models;

/// <summary>The column that a regression adds; what its numbers stand for, the head beside the adapter says.</summary>
internal sealed record ValueOutputs(string ScoreColumn) : IModelOutputs<ValueOutputs>
{
    public const string Loader = "MokaRegression";

    public static string ModelSignature => "MOKA REG";

    public static string LoaderSignature => Loader;

    public int? HeadOutputs => 1;

    public bool NeedsHead => true;

    public void Write(SortedDictionary<string, object?> fields, SortedDictionary<string, object?> columns) => columns["score"] = ScoreColumn;

    public static ValueOutputs Read(JsonFields fields, JsonFields columns) => new(columns.NonBlank("score"));
}
