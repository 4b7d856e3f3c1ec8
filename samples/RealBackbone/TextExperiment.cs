using System.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Moka;

namespace RealBackbone;

/// <summary>Text classification: by the labels' own words, or by a head beside them.</summary>
internal sealed class TextExperiment(TextTask task, string? backbone, string data) : Experiment(backbone)
{
    private const double LeastProbability = 1e-15;

    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LeastWait = TimeSpan.FromMilliseconds(20);

    public override int EpochsOf(string adapter, bool hasHead) => hasHead
        ? task.HeadEpochs?.GetValueOrDefault(adapter, task.Epochs) ?? task.Epochs
        : task.Epochs;

    public override float RateOf(string adapter, bool hasHead) => (adapter, hasHead) switch
    {
        ("lora", false) => 1e-3f,
        ("lora", true) => 5e-4f,
        (_, false) => 3e-3f,
        _ => 5e-3f,
    };

    public override RunResult Run(RunSettings settings, string? checkpoints, CancellationToken cancellation)
    {
        var mlContext = CreateContext(settings);
        var trainRows = Rows(mlContext, task.Load(mlContext, data, task.TrainFile));
        List<TextRow> testRows;
        if (settings.OnValidationRows is true)
            (trainRows, testRows) = Split(trainRows);
        else
            testRows = Rows(mlContext, task.Load(mlContext, data, task.TestFile));
        var train = mlContext.Data.LoadFromEnumerable(trainRows);
        // The files are in the order of their labels: so many rows of all of it, not the first ones.
        if (settings.TestRows is { } limit && limit < testRows.Count)
            testRows = [.. Enumerable.Range(0, limit).Select(i => testRows[(int)((long)i * testRows.Count / limit)])];
        var test = mlContext.Data.LoadFromEnumerable(testRows);

        var log = new TrainingLog(settings.IsTuned ? checkpoints : null);
        var keys = mlContext.Transforms.Conversion.MapValueToKey("Label", nameof(TextRow.Answer));
        var moka = MokaOptions(settings, checkpoints, log, cancellation);
        var trained = settings.Method == RunSettings.Features
            ? keys.Append(mlContext.Transforms.Text.FeaturizeText("Features", nameof(TextRow.Text)))
                .Append(mlContext.MulticlassClassification.Trainers.SdcaMaximumEntropy(Features.Options))
                .Append<ITransformer>(Words(mlContext))
            : keys.Append(mlContext.MulticlassClassification.Trainers.Moka(moka))
                .Append<ITransformer>(Words(mlContext));

        var clock = Stopwatch.StartNew();
        TransformerChain<ITransformer> model;
        try
        {
            model = trained.Fit(train);
        }
        catch (TrainingDivergedException e)
        {
            (e.Model as IDisposable)?.Dispose();
            return Describe(settings, moka, log, null, cancellation) with
            {
                TrainingRows = trainRows.Count,
                Diverged = true,
                Figures = [new Figure("accuracy", testRows.Count, 0) { LogLoss = -Math.Log(LeastProbability) }],
            };
        }
        using var owned = model;
        var trainingSeconds = clock.Elapsed.TotalSeconds;
        clock.Restart();
        var figure = Score(mlContext, model.Transform(test), testRows.Count, cancellation);
        var scoringSeconds = clock.Elapsed.TotalSeconds;
        return Describe(settings, moka, log, model.OfType<MokaModel>().SingleOrDefault(), cancellation) with
        {
            TrainingRows = settings.Method == RunSettings.Untuned ? null : trainRows.Count,
            TrainingSeconds = settings.Method == RunSettings.Features ? trainingSeconds : log.Seconds,
            ScoringSeconds = scoringSeconds,
            Figures = [figure],
        };
    }

    private MokaTrainer.Options MokaOptions(RunSettings settings, string? checkpoints, TrainingLog log, CancellationToken cancellation)
    {
        var options = Options(settings, checkpoints, log, cancellation);
        options.TextColumnName = nameof(TextRow.Text);
        options.PromptTemplate = new PromptTemplate(task.Prompt);
        options.Head = settings.Head switch { "last-token" => MokaHead.LastToken, "mean" => MokaHead.Mean, _ => MokaHead.Words };
        return options;
    }

    private static IEstimator<ITransformer> Words(MLContext mlContext) =>
        mlContext.Transforms.Conversion.MapKeyToValue(nameof(ScoredRow.Predicted), "PredictedLabel");

    /// <summary>Row by row, so that it can be said how far it is.</summary>
    private static Figure Score(MLContext mlContext, IDataView scored, int rows, CancellationToken cancellation)
    {
        VBuffer<ReadOnlyMemory<char>> words = default;
        scored.Schema["Label"].GetKeyValues(ref words);
        var indexOf = words.DenseValues().Select((word, index) => (Word: word.ToString(), index)).ToDictionary(pair => pair.Word, pair => pair.index);
        var (clock, line) = (Stopwatch.StartNew(), TimeSpan.Zero);
        var (done, right, loss, spent) = (0, 0, 0.0, TimeSpan.Zero);
        foreach (var row in mlContext.Data.CreateEnumerable<ScoredRow>(scored, reuseRowObject: true))
        {
            cancellation.ThrowIfCancellationRequested();
            // Rows are scored in blocks. Where this one had to be waited for, a block is new, and the time before it is what the rows before it took.
            if (done > 0 && clock.Elapsed - spent > LeastWait && clock.Elapsed - line >= LineInterval)
            {
                line = clock.Elapsed;
                Console.WriteLine(FormattableString.Invariant(
                    $"  Scored {done:N0} of {rows:N0} rows: {100.0 * right / done:0.0} % right, {spent / done * (rows - done):hh\\:mm\\:ss} left."));
            }
            done++;
            if (row.Predicted == row.Answer)
                right++;
            // A label that no training row has is wrong, and as unlikely as can be.
            loss -= Math.Log(Math.Max(indexOf.TryGetValue(row.Answer, out var index) ? row.Score[index] : 0, LeastProbability));
            spent = clock.Elapsed;
        }
        Console.WriteLine(FormattableString.Invariant($"  Scored {done:N0} rows in {spent.TotalSeconds:0.0} s: {100.0 * right / done:0.0} % right."));
        return new Figure("accuracy", done, right) { LogLoss = loss / done };
    }

    private static List<TextRow> Rows(MLContext mlContext, IDataView view) => [.. mlContext.Data.CreateEnumerable<TextRow>(view, reuseRowObject: false)];
}
