using MathNet.Numerics.Statistics;
using Microsoft.ML.Moka;

namespace CompareAdapters;

/// <summary>What one fit came to on the rows that it was scored on.</summary>
/// <param name="Accuracy">The share of rows whose likeliest word is right, 0 where training diverged.</param>
/// <param name="LogLoss">Mean of −ln(probability of the right word); infinite where training diverged.</param>
/// <param name="StepMilliseconds">The median time of a training step.</param>
/// <param name="ProcessorMilliseconds">The median processor time of a training step, all threads together: a busy machine changes it less.</param>
/// <param name="MemoryMebibytes">What training with a full batch takes, as <see cref="MemoryPlan"/> counts it.</param>
internal sealed record Measurement(double Accuracy, double LogLoss, double StepMilliseconds, double ProcessorMilliseconds, double MemoryMebibytes);

/// <summary>A method with sizes for a budget.</summary>
/// <param name="Name">The method.</param>
/// <param name="Budget">The most parameters that it may train; null for the reference, which has no budget.</param>
/// <param name="Design">Its sizes.</param>
internal sealed record Contestant(string Name, long? Budget, AdapterDesign Design);

/// <summary>A learning rate and what it came to on the validation rows.</summary>
internal sealed record RateTrial(float Rate, IReadOnlyList<Measurement> Validation)
{
    public double Accuracy => Validation.Average(run => run.Accuracy);

    public double LogLoss => Validation.Average(run => run.LogLoss);
}

/// <summary>A contestant's result.</summary>
/// <param name="Contestant">What was tuned.</param>
/// <param name="Trials">The learning rates that were tried for the method, on the validation rows.</param>
/// <param name="Runs">One run for each seed with the best of them, on the test rows.</param>
internal sealed record ContestantResult(Contestant Contestant, IReadOnlyList<RateTrial> Trials, IReadOnlyList<Measurement> Runs)
{
    public float Rate => Best(Trials).Rate;

    /// <summary>Whether the best rate is the smallest or the largest that was tried: a better one may lie beyond.</summary>
    public bool RateIsAtEdge => Trials.Count > 1 && (Rate == Trials.Min(trial => trial.Rate) || Rate == Trials.Max(trial => trial.Rate));

    public double MeanOf(Func<Measurement, double> select) => Runs.Average(select);

    /// <summary>The standard deviation of what the runs are a sample of (n − 1); null of one run.</summary>
    public double? DeviationOf(Func<Measurement, double> select) => Runs.Count < 2 ? null : Runs.Select(select).StandardDeviation();

    /// <summary>The highest accuracy; of equals, the lowest loss.</summary>
    public static RateTrial Best(IReadOnlyList<RateTrial> trials) =>
        trials.OrderByDescending(trial => trial.Accuracy).ThenBy(trial => trial.LogLoss).First();
}

/// <summary>The whole comparison.</summary>
/// <param name="Backbone">What was tuned.</param>
/// <param name="BackboneParameters">Its parameters.</param>
/// <param name="Untuned">The accuracy of the backbone as it is.</param>
/// <param name="Majority">The accuracy of always giving the most frequent answer.</param>
/// <param name="TestRows">How many rows the accuracies are of.</param>
/// <param name="Contestants">In the order of the methods, then of the budgets.</param>
/// <param name="Refused">What could not take part, and why.</param>
internal sealed record ComparisonResult(
    string Backbone, long BackboneParameters, double Untuned, double Majority, int TestRows, IReadOnlyList<ContestantResult> Contestants,
    IReadOnlyList<string> Refused)
{
    /// <summary>Whether the accuracies are of the rows that were trained on.</summary>
    public bool IsMemory { get; init; }
}
