using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.ML.Moka.Cli.Data;
using Microsoft.ML.Moka.Cli.Verbs;

namespace Microsoft.ML.Moka.Cli;

/// <summary>Results for scripts, written by generated code.</summary>
[JsonSourceGenerationOptions(
    GenerationMode = JsonSourceGenerationMode.Metadata, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(BackboneDescription))]
[JsonSerializable(typeof(ClassificationNumbers))]
[JsonSerializable(typeof(DesignNumbers))]
[JsonSerializable(typeof(DoctorFindings))]
[JsonSerializable(typeof(EvaluatedRows[]))]
[JsonSerializable(typeof(FetchedModel))]
[JsonSerializable(typeof(GeneratedText))]
[JsonSerializable(typeof(GenerationNumbers))]
[JsonSerializable(typeof(InspectedModel))]
[JsonSerializable(typeof(MultiLabelNumbers))]
[JsonSerializable(typeof(PredictedNumber[]))]
[JsonSerializable(typeof(PredictedText[]))]
[JsonSerializable(typeof(SweepNumbers))]
[JsonSerializable(typeof(TokenizedText))]
[JsonSerializable(typeof(TrainingOutcome))]
[JsonSerializable(typeof(WorkerNumbers[]))]
[JsonSerializable(typeof(WrittenAdapter))]
[JsonSerializable(typeof(WrittenClassifier))]
[JsonSerializable(typeof(WrittenFolder))]
[JsonSerializable(typeof(WrittenGguf))]
[JsonSerializable(typeof(WrittenLora))]
internal sealed partial class Json : JsonSerializerContext
{
    private static readonly Json Readable = new(new JsonSerializerOptions
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    });

    public static void Write<T>(TextWriter writer, T value) => writer.WriteLine(JsonSerializer.Serialize(value, typeof(T), Readable));
}
