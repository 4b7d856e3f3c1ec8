using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Evaluation.Protocols;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Work;

namespace Microsoft.ML.Moka.Evaluation;

/// <summary>
/// An evaluation as workers are told of it: backbone, adapter, and what is computed. Items are batches of tokens; texts stay with the program.
/// </summary>
/// <param name="Backbone">The frozen backbone.</param>
/// <param name="IsTuned">Whether an adapter's files come with it.</param>
/// <param name="Settings">What is computed.</param>
internal sealed record EvaluationJob(JobBackbone Backbone, bool IsTuned, BatchSettings Settings)
{
    public const string Kind = "evaluation";

    private const string RunName = "run.json";

    public static JobDescription Of(EvaluatedModel model, BatchSettings settings, bool allowsOtherProcessors)
    {
        var (source, shared, backend) = (model.Source, model.Shared, model.Backbone.Backend);
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        if (model.Adapters is { } adapters)
        {
            var (options, tensors) = AdapterConversion.Convert(AdapterFileFormat.AsTrained, backend, adapters);
            files = AdapterFolder.Files(source, [.. model.Backbone.Config.LinearMaps], options, tensors);
        }
        var backbone = JobBackbone.Of(source, shared.Fingerprint, shared.Quantization, backend, allowsOtherProcessors);
        files[RunName] = JsonSerializer.SerializeToUtf8Bytes(
            new EvaluationJob(backbone, model.Adapters is not null, settings), EvaluationJson.Default.EvaluationJob);
        return new JobDescription(Kind, $"the evaluation of {model.Name}", files) { Device = shared.Device };
    }

    public static EvaluationJob Read(IReadOnlyDictionary<string, byte[]> files) =>
        JsonSerializer.Deserialize(files[RunName], EvaluationJson.Default.EvaluationJob)!;
}

/// <summary>What workers are told, by generated code, for reflection is off in trimmed programs.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(EvaluationJob))]
internal sealed partial class EvaluationJson : JsonSerializerContext;
