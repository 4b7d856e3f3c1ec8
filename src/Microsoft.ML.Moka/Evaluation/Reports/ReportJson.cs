using System.Text.Encodings.Web;
using System.Text.Json;

namespace Microsoft.ML.Moka.Evaluation.Reports;

/// <summary>The JSON of a report.</summary>
internal static class ReportJson
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        IndentSize = 1,
        NewLine = "\n",
        // No page embeds it as script: letters of all languages stay readable.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static string Write(ReportContent content) => JsonSerializer.Serialize(content, Options) + "\n";
}
