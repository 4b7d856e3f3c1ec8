using System.Text.Json;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Training;
using Microsoft.ML.Moka.Work;

namespace Microsoft.ML.Moka.Trainers;

/// <summary>A training run as workers are told of it: backbone, adapter and examples. Options of the loop are not theirs.</summary>
internal static class TrainingJob
{
    public const string Kind = "training";
    public const string RunName = "run.json";
    public const string ExamplesName = "examples";

    public static JobDescription Of(
        BackboneSource source, SharedBackbone backbone, AdapterSet adapters, IReadOnlyList<TrainingExample> examples, MokaExchange exchange, bool anyProcessor)
    {
        var backend = backbone.Backbone.Backend;
        var (options, tensors) = AdapterConversion.Convert(AdapterFileFormat.AsTrained, backend, adapters);
        var files = AdapterFolder.Files(source, [.. backbone.Backbone.Config.LinearMaps], options, tensors);
        files[RunName] = JsonSerializer.SerializeToUtf8Bytes(
            new ShareJob(JobBackbone.Of(source, backbone.Fingerprint, backbone.Quantization, backend, anyProcessor), exchange),
            TrainingJson.Default.ShareJob);
        files[ExamplesName] = ExampleBytes.Write(examples);
        return new JobDescription(Kind, $"{adapters.Options.GetType().Name} on {source.Name}, {examples.Count} examples", files) { Device = backbone.Device };
    }
}
