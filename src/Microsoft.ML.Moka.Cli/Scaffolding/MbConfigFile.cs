using System.Text.Encodings.Web;
using System.Text.Json;

namespace Microsoft.ML.Moka.Cli.Scaffolding;

/// <summary>X.mbconfig: the settings, as Model Builder keeps them beside the code.</summary>
internal static class MbConfigFile
{
    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static string Of(ScaffoldPlan plan) => JsonSerializer.Serialize(
        new
        {
            Type = "TrainingConfig",
            Version = 5,
            Scenario = "TextClassification",
            DataSource = new
            {
                Type = plan.Format.IsJson ? "JsonFile" : "TabularFile",
                Version = 3,
                FileName = plan.DataPath,
                Delimiter = plan.Format.Separator?.ToString(),
                DecimalMarker = ".",
                HasHeader = !plan.Format.IsJson,
                AllowQuoting = !plan.Format.IsJson,
                ColumnProperties = plan.Columns.Select(column => new
                {
                    Type = "Column",
                    Version = 5,
                    ColumnName = column.Name,
                    ColumnPurpose = column == plan.Label ? "Label" : column == plan.Text ? "Feature" : "Ignore",
                    ColumnDataFormat = column.Type switch { ColumnType.Number => "Single", ColumnType.Flag => "Boolean", _ => "String" },
                    IsCategorical = column == plan.Label,
                }),
            },
            Environment = new { Type = plan.GpuDeviceId is null ? "LocalCPU" : "LocalGPU", Version = 1, plan.GpuDeviceId, FallbackToCpu = true },
            TrainingOption = new
            {
                Type = "TextClassificationTrainingOption",
                Version = 1,
                Trainer = "Moka",
                LabelColumn = plan.Label.Name,
                TextColumn = plan.Text.Name,
                plan.BackbonePath,
                NumberOfEpochs = plan.Epochs,
            },
            RunHistory = (object?)null,
        },
        Options) + "\n";
}
