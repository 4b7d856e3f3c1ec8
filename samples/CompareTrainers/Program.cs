using System.CommandLine;
using System.Diagnostics;
using CompareTrainers;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealBackbone;

var tasks = new Argument<string[]>("tasks")
{
    Description = "What is learned.",
    Arity = ArgumentArity.ZeroOrMore,
    DefaultValueFactory = _ => ["banking77-10", "issues", "spam"],
};
var backbone = new Option<string?>("--backbone")
{
    Description = "A GGUF file, a folder in Hugging Face form, or the name of a fetched model, beside the small backbone.",
};
var data = new Option<DirectoryInfo>("--data")
{
    Description = "The folder that has text/banking77/train-10-each.csv and so on.",
    DefaultValueFactory = _ => new DirectoryInfo("."),
};
tasks.AcceptOnlyFromAmong([.. TextTask.All.Select(task => task.Name)]);
var command = new RootCommand("Moka beside what ML.NET has for texts without a language model: each trainer as it is by default, on the same rows.")
{
    tasks, backbone, data,
};
command.SetAction(parsed =>
{
    try
    {
        foreach (var name in parsed.GetValue(tasks)!)
            Compare(TextTask.All.Single(task => task.Name == name), parsed.GetValue(backbone), parsed.GetValue(data)!.FullName);
        return 0;
    }
    catch (Exception e) when (e is IOException or InvalidDataException or ArgumentException or InvalidOperationException)
    {
        Console.Error.WriteLine(e.Message);
        return 1;
    }
});
return command.Parse(args).Invoke();

static void Compare(TextTask task, string? backbone, string data)
{
    var loading = new MLContext(seed: 1);
    var (train, test) = (Rows(task.TrainFile), Rows(task.TestFile));
    var majority = train.CountBy(row => row.Answer).MaxBy(count => count.Value).Key;
    Console.WriteLine($"### {task.Name}: {train.Count:N0} rows to learn from, {test.Count:N0} to tell, {train.DistinctBy(row => row.Answer).Count()} labels\n");
    Console.WriteLine("| trainer | accuracy, 95 % interval | seconds to learn | milliseconds a text |\n|---|---|--:|--:|");
    Print("the most frequent label", test.Count(row => row.Answer == majority), null, null);
    foreach (var contestant in Contestant.All(backbone))
    {
        var ml = new MLContext(seed: 1);
        using var log = ml.LogToConsole();
        var pipeline = ml.Transforms.Conversion.MapValueToKey("Label", nameof(TextRow.Answer))
            .Append(contestant.Pipeline(ml, task))
            .Append<ITransformer>(ml.Transforms.Conversion.MapKeyToValue(nameof(ScoredRow.Predicted), "PredictedLabel"));
        var clock = Stopwatch.StartNew();
        using var model = pipeline.Fit(ml.Data.LoadFromEnumerable(train));
        var learning = clock.Elapsed;
        clock.Restart();
        var scored = ml.Data.CreateEnumerable<ScoredRow>(model.Transform(ml.Data.LoadFromEnumerable(test)), reuseRowObject: true);
        var right = scored.Count(row => row.Predicted == row.Answer);
        Print(contestant.Name, right, learning, clock.Elapsed);
    }
    Console.WriteLine();

    List<TextRow> Rows(string file) => [.. loading.Data.CreateEnumerable<TextRow>(task.Load(loading, data, file), reuseRowObject: false)];

    void Print(string name, int right, TimeSpan? learning, TimeSpan? telling)
    {
        var share = (double)right / test.Count;
        var (lower, upper) = Figure.Interval(share, test.Count);
        var accuracy = FormattableString.Invariant($"{100 * share:0.0} % ({100 * lower:0.0} – {100 * upper:0.0})");
        Console.WriteLine(FormattableString.Invariant(
            $"| {name} | {accuracy} | {learning?.TotalSeconds:0.0} | {telling?.TotalMilliseconds / test.Count:0.00} |"));
    }
}
