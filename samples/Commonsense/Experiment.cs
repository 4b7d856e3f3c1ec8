using System.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.Moka;

namespace Commonsense;

/// <summary>Tunes one model on all tasks together and scores it on each, before and after.</summary>
internal sealed class Experiment(IReadOnlyList<QuestionSet> tasks, MokaTrainer.Options options)
{
    private readonly MLContext _mlContext = new(options.Seed);
    private readonly int? _epochs = options.NumberOfEpochs;

    public Result Run(string? saveTo)
    {
        var train = Load(tasks.SelectMany(task => task.Train));
        using var log = _mlContext.LogToConsole();
        var before = Score(0, train, saveTo: null, out _);
        var clock = Stopwatch.StartNew();
        var after = Score(_epochs, train, saveTo, out var model);
        return new Result(before, after, model.TrainableParameterCount, model.BackboneParameterCount, clock.Elapsed);
    }

    /// <summary>The accuracy on each task, after some epochs of training; after none it is the backbone's own.</summary>
    private double[] Score(int? epochs, IDataView train, string? saveTo, out MokaTransformer tuned)
    {
        options.NumberOfEpochs = epochs;
        // The words of all tasks are known beforehand, also those that no row of a short training set has.
        var words = _mlContext.Data.LoadFromEnumerable(
            tasks.SelectMany(t => t.Train.Concat(t.Test)).SelectMany(q => q.Candidates).Distinct().Select(word => new { Label = word }));
        var pipeline = _mlContext.Transforms.Conversion.MapValueToKey(nameof(Question.Label), keyData: words)
            .Append(_mlContext.MulticlassClassification.Trainers.Moka(options));
        using var model = pipeline.Fit(train);
        if (saveTo is not null)
            _mlContext.Model.SaveAtomically(model, train.Schema, saveTo);
        tuned = model.LastTransformer;
        return [.. tasks.Select(task => _mlContext.MulticlassClassification.Evaluate(model.Transform(Load(task.Test))).MicroAccuracy)];
    }

    private IDataView Load(IEnumerable<Question> questions) => _mlContext.Data.LoadFromEnumerable(questions);
}

/// <summary>Accuracies in the order of the tasks, and what the tuning took.</summary>
internal sealed record Result(IReadOnlyList<double> Before, IReadOnlyList<double> After, long Trainable, long Backbone, TimeSpan Duration);
