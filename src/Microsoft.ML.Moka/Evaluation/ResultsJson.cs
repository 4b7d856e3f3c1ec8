using System.Text.Json;
using System.Text.Json.Serialization;

namespace Microsoft.ML.Moka.Evaluation;

/// <summary>The first line of a file of answers: what determines them.</summary>
internal sealed record ResultsHeader([property: JsonRequired] string Format, [property: JsonRequired] IReadOnlyDictionary<string, string> Settings);

/// <summary>The answers to some consecutive questions of a task, and what they took: every other line.</summary>
internal sealed record AnsweredBatch(
    [property: JsonRequired] string Task, [property: JsonRequired] int First, [property: JsonRequired] double Seconds, [property: JsonRequired] long Tokens,
    [property: JsonRequired] IReadOnlyList<BenchmarkAnswer> Answers);

/// <summary>Reads and writes the lines by generated code, for reflection is off in trimmed programs.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web, GenerationMode = JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(ResultsHeader))]
[JsonSerializable(typeof(AnsweredBatch))]
internal sealed partial class ResultsJson : JsonSerializerContext;
