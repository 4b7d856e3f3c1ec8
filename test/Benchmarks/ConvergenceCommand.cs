using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.Conformance;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Tensors.Cpu.Tiles;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>The command "convergence": the same rows trained and scored in each of the CPU's precisions.</summary>
internal static class ConvergenceCommand
{
    private const int BatchRows = 16;
    private const int MaximumTokens = 256;

    /// <summary>Losses in the table are means of the last so many steps.</summary>
    private const int Window = 20;

    private const int Lines = 5;

    public static CliCommand Create()
    {
        var backbone = new Option<string>("--backbone") { Description = "A GGUF file, or a folder in Hugging Face form.", Required = true };
        var train = new Option<string>("--train") { Description = "A CSV file with a header: a text and its label.", Required = true };
        var test = new Option<string>("--test") { Description = "The same, held out.", Required = true };
        var adapter = new Option<string>("--adapter") { Description = "The method of the adapter.", DefaultValueFactory = _ => "moka" };
        adapter.AcceptOnlyFromAmong([.. AdapterMethods.Names]);
        var rate = new Option<float>("--rate") { Description = "The highest learning rate.", DefaultValueFactory = _ => 5e-3f };
        var steps = StepArguments.Number("--steps", 500, "Updates.");
        var threads = StepArguments.Number("--threads", 2, "Threads of a kernel.");
        var emulate = new Option<bool>("--emulate")
        {
            Description = "Compute on emulated tiles, which give the bits of AMX and take several times as long: for processors without AMX.",
        };
        var markdown = new Option<FileInfo?>("--markdown") { Description = "A file for the table." };
        var svg = new Option<FileInfo?>("--svg") { Description = "A file for the picture of the losses." };
        var command = new CliCommand("convergence", "The same rows trained and scored in each of the CPU's precisions.")
        {
            backbone, train, test, adapter, rate, steps, threads, emulate, markdown, svg,
        };
        command.SetAction(parsed =>
        {
            AppContext.SetData("Microsoft.ML.Moka.Threads", parsed.GetValue(threads));
            if (parsed.GetValue(emulate) && SimdLevels.Best < SimdLevel.Vector512)
            {
                Console.Error.WriteLine("Emulated tiles need a processor with AVX-512.");
                return 1;
            }
            using var replaced = parsed.GetValue(emulate) ? TileDetection.Replace(new EmulatedTiles()) : null;
            List<Run> runs =
            [
                .. Precisions().Select(precision => Train(
                    precision, parsed.GetValue(backbone)!, parsed.GetValue(train)!, parsed.GetValue(test)!,
                    AdapterMethods.Create(parsed.GetValue(adapter)!), parsed.GetValue(rate), parsed.GetValue(steps))),
            ];
            var table = Table(runs);
            Console.Write(table);
            if (parsed.GetValue(markdown) is { } file)
                File.WriteAllText(file.FullName, table);
            if (parsed.GetValue(svg) is { } picture)
                File.WriteAllText(
                    picture.FullName, TrainingCurve.ToSvg("Training loss by precision", [.. runs.Select(run => ($"{run.Precision}", run.Curve))]));
            return 0;
        });
        return command;
    }

    private static IReadOnlyList<MokaPrecision> Precisions()
    {
        using var backend = new CpuBackend();
        return StepRun.PrecisionsOf(backend);
    }

    private static Run Train(MokaPrecision precision, string backbone, string train, string test, AdapterOptions adapter, float rate, int steps)
    {
        var mlContext = new MLContext(0);
        var curve = new TrainingCurve();
        var options = new MokaTrainer.Options
        {
            BackbonePath = backbone, Adapter = adapter, Precision = precision, TextColumnName = nameof(Row.Text), Head = MokaHead.LastToken,
            NumberOfSteps = steps, LearningRate = rate, LearningRateSchedule = LearningRateSchedule.Linear, WarmupFraction = 0.1,
            MaximumGradientNorm = 1, BatchRows = BatchRows, BatchTokens = BatchRows * MaximumTokens, MaximumTokens = MaximumTokens,
            Progress = progress =>
            {
                curve.Add(progress);
                if (progress.Step % 20 == 0)
                    Console.Error.WriteLine(string.Create(
                        CultureInfo.InvariantCulture, $"{precision}: step {progress.Step}, loss {Mean(curve, progress.Step):f3}"));
            },
        };
        var start = Stopwatch.GetTimestamp();
        var pipeline = mlContext.Transforms.Conversion.MapValueToKey("Label", nameof(Row.Answer))
            .Append(mlContext.MulticlassClassification.Trainers.Moka(options));
        using var model = pipeline.Fit(Load(mlContext, train));
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var metrics = mlContext.MulticlassClassification.Evaluate(model.Transform(Load(mlContext, test)));
        return new Run(precision, curve, metrics.MicroAccuracy, metrics.LogLoss, seconds);
    }

    private static IDataView Load(MLContext mlContext, string path) => mlContext.Data.LoadFromTextFile(path, new TextLoader.Options
    {
        HasHeader = true, Separators = [','], AllowQuoting = true, ReadMultilines = true,
        Columns = [new TextLoader.Column(nameof(Row.Text), DataKind.String, 0), new TextLoader.Column(nameof(Row.Answer), DataKind.String, 1)],
    });

    private static double Mean(TrainingCurve curve, int step) => curve.Steps.Where(s => s.Step <= step && s.Step > step - Window).Average(s => s.Loss);

    private static string Table(List<Run> runs)
    {
        var text = new StringBuilder();
        var last = runs[0].Curve.Steps[^1].Step;
        List<int> at = [.. Enumerable.Range(1, Lines).Select(i => Math.Max(1, last * i / Lines)).Distinct()];
        text.AppendLine(
            $"| precision | {string.Join(" | ", at.Select(step => $"loss at {step}"))} | " +
            "largest difference of a step's loss | accuracy, % | log loss | seconds |");
        text.AppendLine($"|---|{string.Concat(at.Select(_ => "--:|"))}--:|--:|--:|--:|");
        foreach (var run in runs)
        {
            var apart = run.Curve.Steps.Zip(runs[0].Curve.Steps, (a, b) => Math.Abs(a.Loss - b.Loss)).Max();
            text.AppendLine(string.Create(CultureInfo.InvariantCulture,
                $"| `{run.Precision}` | {string.Join(" | ", at.Select(step => Mean(run.Curve, step).ToString("f3", CultureInfo.InvariantCulture)))} | " +
                $"{apart:f3} | {100 * run.Accuracy:f1} | {run.LogLoss:f3} | {run.Seconds:f0} |"));
        }
        return text.ToString();
    }

    private sealed record Run(MokaPrecision Precision, TrainingCurve Curve, double Accuracy, double LogLoss, double Seconds);

    private sealed class Row
    {
        public string Text { get; set; } = "";

        public string Answer { get; set; } = "";
    }
}
