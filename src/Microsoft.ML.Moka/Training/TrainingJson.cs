using System.Text.Json.Serialization;

namespace Microsoft.ML.Moka.Training;

/// <summary>The JSON in a training checkpoint and in its fingerprint, and what workers are told: written by generated code, for reflection is off in trimmed
/// programs.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(TrainingPlan))]
[JsonSerializable(typeof(TrainingState))]
[JsonSerializable(typeof(IEnumerable<string>))]
[JsonSerializable(typeof(ShareJob))]
[JsonSerializable(typeof(StepShare))]
internal sealed partial class TrainingJson : JsonSerializerContext;
