using System.Text.Json;

namespace Microsoft.ML.Moka.Files;

/// <summary>A row of a JSON file, and where it stands, for errors.</summary>
/// <param name="Element">The object.</param>
/// <param name="File">What errors call the file.</param>
/// <param name="Line">The line that it begins in, counted from 1.</param>
/// <param name="Number">Which row of the file it is, counted from 1.</param>
internal sealed record JsonRow(JsonElement Element, string File, long Line, int Number)
{
    /// <summary>Its fields, checked as they are read.</summary>
    public JsonFields Fields => new(Element, $"{File}, line {Line} (row {Number})");
}
