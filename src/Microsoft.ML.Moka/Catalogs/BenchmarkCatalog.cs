using Microsoft.ML.Moka;
using Microsoft.ML.Moka.Evaluation;
using Microsoft.ML.Moka.Evaluation.Benchmarks;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Trainers;
using Microsoft.ML.Runtime;

namespace Microsoft.ML;

/// <summary>Evaluates models and backbones on folders of benchmarks.</summary>
public static class BenchmarkCatalog
{
    /// <summary>Evaluates a fitted model on a folder of benchmarks.</summary>
    /// <param name="catalog">Multiclass classification.</param>
    /// <param name="model">What a <see cref="MokaTrainer"/> or <see cref="MokaTextGenerationTrainer"/> fitted, or a chain that holds it.</param>
    /// <param name="benchmarkFolder">A folder with a subfolder for each task, named like the task, with its test file; or the folder of one task.</param>
    /// <param name="options">Protocol, tasks, results file and progress; the defaults if not given.</param>
    /// <param name="name">What metrics, log and results file call the model.</param>
    /// <returns>Accuracies by task, and their average.</returns>
    /// <exception cref="ArgumentException">An option makes no sense, or the model is none of Moka's.</exception>
    /// <exception cref="InvalidDataException">A row cannot be read; the message names file and line. Or counts are required and differ.</exception>
    /// <exception cref="InvalidOperationException">The results file is of another evaluation, or a row cannot be answered.</exception>
    /// <exception cref="OperationCanceledException">The evaluation was cancelled.</exception>
    public static BenchmarkMetrics EvaluateBenchmarks(
        this MulticlassClassificationCatalog catalog, ITransformer model, string benchmarkFolder, BenchmarkOptions? options = null, string name = "model")
    {
        ArgumentNullException.ThrowIfNull(model);
        return Run(catalog, benchmarkFolder, options, name, (_, _, _) => EvaluatedModel.Of(name, model));
    }

    /// <summary>Evaluates several models one after the other: adapters that were tuned on one backbone share it in memory.</summary>
    /// <param name="catalog">Multiclass classification.</param>
    /// <param name="models">The models by the names that metrics, log and results files call them.</param>
    /// <param name="benchmarkFolder">A folder with a subfolder for each task, named like the task, with its test file; or the folder of one task.</param>
    /// <param name="options">Protocol, tasks, results file and progress; the defaults if not given.</param>
    /// <returns>Metrics of each model, in the order of the models.</returns>
    /// <inheritdoc cref="EvaluateBenchmarks(MulticlassClassificationCatalog, ITransformer, string, BenchmarkOptions, string)" path="/exception"/>
    public static IReadOnlyList<BenchmarkMetrics> EvaluateBenchmarks(
        this MulticlassClassificationCatalog catalog, IReadOnlyDictionary<string, ITransformer> models, string benchmarkFolder,
        BenchmarkOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(models);
        return [.. models.Select(model => catalog.EvaluateBenchmarks(model.Value, benchmarkFolder, options, model.Key))];
    }

    /// <summary>Evaluates a backbone as it is: the baseline that tuning is to be compared with.</summary>
    /// <param name="catalog">Multiclass classification.</param>
    /// <param name="backbonePath">The folder of a LLaMA in Hugging Face form, or a GGUF file; null for the small one inside this package.</param>
    /// <param name="benchmarkFolder">A folder with a subfolder for each task, named like the task, with its test file; or the folder of one task.</param>
    /// <param name="options">Protocol, tasks, results file and progress; the defaults if not given.</param>
    /// <param name="name">What metrics, log and results file call the backbone.</param>
    /// <returns>Accuracies by task, and their average.</returns>
    /// <inheritdoc cref="EvaluateBenchmarks(MulticlassClassificationCatalog, ITransformer, string, BenchmarkOptions, string)" path="/exception"/>
    public static BenchmarkMetrics EvaluateBackbone(
        this MulticlassClassificationCatalog catalog, string? backbonePath, string benchmarkFolder, BenchmarkOptions? options = null,
        string name = "backbone") =>
        Run(catalog, benchmarkFolder, options, name, (settings, channel, cancellation) =>
        {
            var device = DeviceSelection.Choose(MlNetAccess.EnvironmentOf(catalog.Trainers), channel);
            var model = EvaluatedModel.OfBackbone(
                name, backbonePath, settings.Quantization, settings.Precision, device, new LoadingReport(channel), cancellation);
            DeviceSelection.ReportPrecision(channel, settings.Precision, model.Backbone.Backend);
            return model;
        });

    private static BenchmarkMetrics Run(
        MulticlassClassificationCatalog catalog, string folder, BenchmarkOptions? options, string name,
        Func<BenchmarkOptions, IChannel, CancellationToken, EvaluatedModel> open)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        var settings = (options ?? new BenchmarkOptions()).Checked();
        var sources = BenchmarkSource.In(folder, settings);
        var host = MlNetAccess.EnvironmentOf(catalog.Trainers).Register(nameof(EvaluateBenchmarks));
        using var channel = host.Start("Evaluation");
        using var cancellation = new Cancellation(host, settings.CancellationToken);
        using var model = open(settings, channel, cancellation.Token);
        return new BenchmarkEvaluation(model, settings, channel, cancellation).Run(sources);
    }
}
