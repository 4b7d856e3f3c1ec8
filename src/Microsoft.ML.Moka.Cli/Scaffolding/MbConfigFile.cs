using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Microsoft.ML.Moka.Cli.Scaffolding;

/// <summary>X.mbconfig: the settings, as Model Builder keeps them beside the code.</summary>
internal static class MbConfigFile
{
    private static readonly JsonWriterOptions Options = new()
    {
        Indented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static string Of(ScaffoldPlan plan)
    {
        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json, Options))
            Fields(plan).WriteTo(writer);
        return Encoding.UTF8.GetString(json.ToArray()) + "\n";
    }

    private static JsonObject Fields(ScaffoldPlan plan) => new()
    {
        ["Type"] = "TrainingConfig",
        ["Version"] = 5,
        ["Scenario"] = "TextClassification",
        ["DataSource"] = new JsonObject
        {
            ["Type"] = plan.Format.IsJson ? "JsonFile" : "TabularFile",
            ["Version"] = 3,
            ["FileName"] = plan.DataPath,
            ["Delimiter"] = plan.Format.Separator?.ToString(),
            ["DecimalMarker"] = ".",
            ["HasHeader"] = !plan.Format.IsJson,
            ["AllowQuoting"] = !plan.Format.IsJson,
            ["ColumnProperties"] = new JsonArray([.. plan.Columns.Select(column => Column(plan, column))]),
        },
        ["Environment"] = new JsonObject
        {
            ["Type"] = plan.GpuDeviceId is null ? "LocalCPU" : "LocalGPU",
            ["Version"] = 1,
            ["GpuDeviceId"] = plan.GpuDeviceId,
            ["FallbackToCpu"] = true,
        },
        ["TrainingOption"] = new JsonObject
        {
            ["Type"] = "TextClassificationTrainingOption",
            ["Version"] = 1,
            ["Trainer"] = "Moka",
            ["LabelColumn"] = plan.Label.Name,
            ["TextColumn"] = plan.Text.Name,
            ["BackbonePath"] = plan.BackbonePath,
            ["NumberOfEpochs"] = plan.Epochs,
        },
        ["RunHistory"] = null,
    };

    private static JsonObject Column(ScaffoldPlan plan, ScaffoldColumn column) => new()
    {
        ["Type"] = "Column",
        ["Version"] = 5,
        ["ColumnName"] = column.Name,
        ["ColumnPurpose"] = column == plan.Label ? "Label" : column == plan.Text ? "Feature" : "Ignore",
        ["ColumnDataFormat"] = column.Type switch { ColumnType.Number => "Single", ColumnType.Flag => "Boolean", _ => "String" },
        ["IsCategorical"] = column == plan.Label,
    };
}
