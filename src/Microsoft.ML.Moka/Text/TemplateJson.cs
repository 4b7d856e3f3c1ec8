using System.Text.Json.Serialization;

namespace Microsoft.ML.Moka.Text;

/// <summary>A prompt template as a saved model has it.</summary>
internal sealed record StoredTemplate(string Text, string AnswerPrefix, string? TextWithoutInput);

/// <summary>Reads and writes it by generated code, for reflection is off in trimmed programs.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(StoredTemplate))]
internal sealed partial class TemplateJson : JsonSerializerContext;
