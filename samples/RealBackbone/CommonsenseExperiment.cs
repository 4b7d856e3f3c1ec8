using System.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Moka;

namespace RealBackbone;

/// <summary>
/// Commonsense by the choices' own texts: tuned to go on with the right choice after the prompt of lm-evaluation-harness, on three tasks, and scored on all
/// eight by which choice is likeliest.
/// </summary>
internal sealed class CommonsenseExperiment(string? backbone, string data) : Experiment(backbone)
{
    public const string Name = "commonsense";

    private const int RowsOfATask = 1000;

    private static readonly string[] TrainFiles = ["ARC-Easy/train.json", "openbookqa/train.json", "boolq/train.json"];

    private readonly string _folder = Path.Combine(data, "benchmarks");

    public override int EpochsOf(string adapter, bool hasHead) => 1;

    public override float RateOf(string adapter, bool hasHead) => adapter == "lora" ? 5e-4f : 5e-3f;

    public override RunResult Run(RunSettings settings, string? checkpoints, CancellationToken cancellation)
    {
        var mlContext = CreateContext(settings);
        if (settings.Method == RunSettings.Features)
            return YesOrNo(mlContext, settings);
        var evaluation = new BenchmarkOptions
        {
            Protocol = new ChoiceLikelihoodProtocol(),
            MaximumRows = settings.TestRows,
            MaximumTokens = 512,
            CancellationToken = cancellation,
        };
        if (settings.Method == RunSettings.Untuned)
        {
            var start = Stopwatch.GetTimestamp();
            var untuned = mlContext.MulticlassClassification.EvaluateBackbone(Backbone, _folder, evaluation, settings.Method);
            return new RunResult
            {
                Settings = settings,
                ScoringSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
                Figures = [.. untuned.Tasks.SelectMany(FiguresOf)],
            };
        }

        var log = new TrainingLog(checkpoints);
        var options = Options(settings, checkpoints, log, cancellation);
        // The prompt is the row's text as it is; a blank and the right choice follow. What each row may be answered with is the row's own.
        options.PromptTemplate = PromptTemplate.Plain;
        options.TextColumnName = nameof(ChoiceRow.Text);
        options.CandidatesColumnName = nameof(ChoiceRow.Candidates);
        List<ChoiceRow> rows = [.. TrainFiles.SelectMany(file => TrainingRows(mlContext, settings, file))];
        var pipeline = mlContext.Transforms.Conversion.MapValueToKey(nameof(ChoiceRow.Label))
            .Append(mlContext.MulticlassClassification.Trainers.Moka(options));
        TransformerChain<MokaTransformer> model;
        try
        {
            model = pipeline.Fit(mlContext.Data.LoadFromEnumerable(rows));
        }
        catch (TrainingDivergedException e)
        {
            (e.Model as IDisposable)?.Dispose();
            return Describe(settings, options, log, null, cancellation) with { TrainingRows = rows.Count, Diverged = true };
        }
        using var owned = model;
        var clock = Stopwatch.StartNew();
        using var validation = settings.OnValidationRows is true
            ? new ValidationBenchmarks(_folder, TrainFiles, RowsOfATask, rows => Split(rows).Validation)
            : null;
        var metrics = mlContext.MulticlassClassification.EvaluateBenchmarks(model, validation?.Folder ?? _folder, evaluation, settings.Method);
        var scoringSeconds = clock.Elapsed.TotalSeconds;
        return Describe(settings, options, log, model.LastTransformer, cancellation) with
        {
            TrainingRows = rows.Count,
            ScoringSeconds = scoringSeconds,
            Figures = [.. metrics.Tasks.SelectMany(FiguresOf)],
        };
    }

    private List<ChoiceRow> TrainingRows(MLContext mlContext, RunSettings settings, string file)
    {
        var rows = Rows(mlContext, file);
        return settings.OnValidationRows is true ? Split(rows).Train : rows;
    }

    /// <summary>Of the three, only BoolQ has the same two answers in every row, so that it can be learned without reading them.</summary>
    private RunResult YesOrNo(MLContext mlContext, RunSettings settings)
    {
        var train = Rows(mlContext, "boolq/train.json");
        var test = Rows(mlContext, "boolq/test.json", settings.TestRows ?? int.MaxValue);
        var clock = Stopwatch.StartNew();
        var model = mlContext.Transforms.Conversion.MapValueToKey(nameof(ChoiceRow.Label))
            .Append(mlContext.Transforms.Text.FeaturizeText("Features", nameof(ChoiceRow.Text)))
            .Append(mlContext.MulticlassClassification.Trainers.SdcaMaximumEntropy(Features.Options))
            .Fit(mlContext.Data.LoadFromEnumerable(train));
        var trainingSeconds = clock.Elapsed.TotalSeconds;
        clock.Restart();
        var metrics = mlContext.MulticlassClassification.Evaluate(model.Transform(mlContext.Data.LoadFromEnumerable(test)));
        return new RunResult
        {
            Settings = settings,
            TrainingRows = train.Count,
            TrainingSeconds = trainingSeconds,
            ScoringSeconds = clock.Elapsed.TotalSeconds,
            Figures = [new Figure($"{BenchmarkTask.BoolQ}, acc", test.Count, (int)Math.Round(metrics.MicroAccuracy * test.Count))],
        };
    }

    private List<ChoiceRow> Rows(MLContext mlContext, string file, int count = RowsOfATask)
    {
        var rows = mlContext.Data.LoadBenchmarkChoices(Path.Combine(_folder, file));
        return [.. mlContext.Data.CreateEnumerable<ChoiceRow>(rows, reuseRowObject: false).Take(count)];
    }

    private static IEnumerable<Figure> FiguresOf(BenchmarkTaskMetrics task)
    {
        yield return new Figure($"{task.Task}, acc", task.RowCount, task.CorrectCount);
        if (task.NormalizedAccuracy is not null)
            yield return new Figure($"{task.Task}, acc_norm", task.RowCount, task.Answers.Count(answer => answer.IsCorrectNormalized == true));
    }
}
