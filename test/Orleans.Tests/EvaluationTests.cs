using System.Globalization;
using System.Text.Json;

namespace Microsoft.ML.Moka.Tests.Orleans;

/// <summary>An evaluation and a sweep with workers that are processes of their own, one of which is killed: the results are those of one process.</summary>
public sealed class EvaluationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("moka-benchmarks-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Answers_and_trials_are_those_of_one_process_and_a_killed_worker_loses_nothing()
    {
        Write("colours", 24);
        Write("places", 16);
        var (answers, figures) = (Evaluate(null), Sweep(null));
        using var workers = new WorkerProcesses(2);
        await using var cluster = await MokaCluster.ConnectAsync(workers.Folder, Cancellation);
        cluster.TakesPart = false;

        var batches = 0;
        Assert.Equal(answers, Evaluate(cluster, () =>
        {
            if (++batches == 3)
                workers.KillFirst();
        }));
        workers.Start();
        Assert.Equal(figures, Sweep(cluster));
    }

    private string Evaluate(MokaCluster? cluster, Action? answered = null)
    {
        var metrics = new MLContext(seed: 1).MulticlassClassification.EvaluateBackbone(null, _folder, new BenchmarkOptions
        {
            BatchTokens = 150,
            Workers = cluster,
            Progress = _ => answered?.Invoke(),
            CancellationToken = Cancellation,
        });
        return JsonSerializer.Serialize(metrics.Tasks.SelectMany(task => task.Answers));
    }

    private static string Sweep(MokaCluster? cluster)
    {
        var context = new MLContext(seed: 1);
        var rows = context.Data.LoadFromEnumerable(Enumerable.Range(0, 40).Select(i => new Row
        {
            Text = string.Create(CultureInfo.InvariantCulture, $"{(i % 2 == 0 ? "the pot" : "my coat")} number {i} broke"),
            Label = i % 2 == 0 ? "clay" : "cloth",
        }));
        var found = context.MulticlassClassification.SweepMoka(
            context.Transforms.Conversion.MapValueToKey("Label").Fit(rows).Transform(rows),
            new MokaTrainer.Options { NumberOfSteps = 2, BatchTokens = 64, CancellationToken = Cancellation },
            new SweepOptions { NumberOfTrials = 3, Workers = cluster });
        return string.Join('\n', found.Trials.Select(trial =>
            FormattableString.Invariant($"{trial.Number} {trial.StepShare} {trial.LearningRate:R} {trial.LogLoss:R}")));
    }

    private void Write(string task, int rows)
    {
        Directory.CreateDirectory(Path.Combine(_folder, task));
        File.WriteAllText(Path.Combine(_folder, task, "test.json"), JsonSerializer.Serialize(Enumerable.Range(0, rows).Select(row => new
        {
            instruction = string.Create(CultureInfo.InvariantCulture, $"Where is thing {row} of {task}?\n\nAnswer format: answer1/answer2/answer3"),
            input = "",
            output = string.Create(CultureInfo.InvariantCulture, $"the correct answer is answer{row % 3 + 1}"),
            answer = string.Create(CultureInfo.InvariantCulture, $"answer{row % 3 + 1}"),
        })));
    }

    private sealed class Row
    {
        public string Text { get; set; } = "";

        public string Label { get; set; } = "";
    }
}
