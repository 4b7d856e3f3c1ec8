using System.Globalization;
using System.Text.Json.Serialization;

namespace Microsoft.ML.Moka.Cli.Data;

/// <summary>The numbers that a regression tells of rows.</summary>
internal sealed class PredictedNumbers(IReadOnlyList<float> scores) : IPredictions
{
    public IReadOnlyList<string> Columns => ["Score"];

    public IEnumerable<string> CellsOf(int row) => [OneOfSeveral(row)];

    public IReadOnlyList<string> Alone() => [OneOfSeveral(0)];

    // The fewest digits that are the same number again; as a double's they have no exponent up to 10¹⁵.
    public string OneOfSeveral(int row) =>
        double.Parse(scores[row].ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture);

    public void WriteJson(TextWriter writer, IReadOnlyList<PredictedRow> rows) =>
        Json.Write(writer, rows.Zip(scores, (row, score) => new PredictedNumber(row.Text, row.Columns, score)).ToArray());
}

/// <summary>A row's number for scripts.</summary>
internal sealed record PredictedNumber(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Text,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyDictionary<string, string>? Row,
    float Score);
