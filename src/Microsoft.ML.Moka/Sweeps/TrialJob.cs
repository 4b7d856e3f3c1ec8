using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Trainers;
using Microsoft.ML.Moka.Work;

namespace Microsoft.ML.Moka.Sweeps;

/// <summary>What the trials of a sweep have in common, as workers are told of it: backbone, the trainer's settings, and the rows.</summary>
/// <param name="Backbone">The frozen backbone.</param>
/// <param name="Settings">The trainer's settings that differ from the defaults.</param>
internal sealed record TrialJob(JobBackbone Backbone, SortedDictionary<string, string> Settings)
{
    public const string Kind = "sweep";

    private const string RunName = "run.json";
    private const string RowsName = "rows";
    private const string ValidationName = "validation";

    // What a worker has otherwise, or has no part in.
    internal static readonly string[] NotSent =
    [
        nameof(TuningOptions.Adapter), nameof(TuningOptions.BackbonePath), nameof(TuningOptions.CancellationToken), nameof(TuningOptions.CheckpointFolder),
        nameof(TuningOptions.CheckpointInterval), nameof(TuningOptions.InitialAdapterPath), nameof(TuningOptions.KeepBestWhenCanceled),
        nameof(TuningOptions.Precision), nameof(TuningOptions.Progress), nameof(TuningOptions.SaveBackbone), nameof(TuningOptions.TensorBoardFolder),
        nameof(TuningOptions.ValidationSet), nameof(TuningOptions.Workers),
    ];

    /// <param name="options">The trainer's options, with a seed.</param>
    /// <param name="data">The training data.</param>
    /// <param name="device">What the program computes on.</param>
    /// <param name="allowsOtherProcessors">Whether the last bits may depend on who makes a trial.</param>
    public static JobDescription Of(MokaTrainer.Options options, IDataView data, Device device, bool allowsOtherProcessors)
    {
        var source = BackboneSource.Open(options.BackbonePath);
        using var backend = device.CreateBackend();
        backend.Precision = options.Precision ?? backend.UsualPrecision;
        var backbone = JobBackbone.Of(source, SharedBackbone.FingerprintOf(source.Files), options.Quantization, backend, allowsOtherProcessors);
        string[] columns =
        [
            .. PromptColumns.ColumnsOf(options).Names.Append(options.LabelColumnName).Concat(options.ExampleWeightColumnName is { } weight ? [weight] : [])
                .Distinct(StringComparer.Ordinal),
        ];
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal)
        {
            [RunName] = JsonSerializer.SerializeToUtf8Bytes(
                new TrialJob(backbone, SettingsFields.Write(options, NotSent)), TrialJson.Default.TrialJob),
            [RowsName] = RowBytes.Write(data, columns),
        };
        if (options.ValidationSet is { } validation)
            files[ValidationName] = RowBytes.Write(validation, columns);
        return new JobDescription(Kind, $"a sweep on {source.Name}", files) { Device = device.Name };
    }

    /// <summary>The same on a worker.</summary>
    /// <param name="files">What was sent.</param>
    /// <param name="context">Reads the rows.</param>
    public static (TrialJob Job, MokaTrainer.Options Options, IDataView Data) Read(IReadOnlyDictionary<string, byte[]> files, MLContext context)
    {
        var job = JsonSerializer.Deserialize(files[RunName], TrialJson.Default.TrialJob)!;
        var options = new MokaTrainer.Options();
        SettingsFields.Read(options, job.Settings);
        options.Precision = job.Backbone.Precision;
        if (files.TryGetValue(ValidationName, out var validation))
            options.ValidationSet = RowBytes.Read(context, validation);
        return (job, options, RowBytes.Read(context, files[RowsName]));
    }
}

/// <summary>What workers are told, by generated code, for reflection is off in trimmed programs.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(TrialJob))]
internal sealed partial class TrialJson : JsonSerializerContext;
