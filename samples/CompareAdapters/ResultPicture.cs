using System.Globalization;
using Microsoft.ML.Moka.Drawing;

namespace CompareAdapters;

/// <summary>Accuracy against trained parameters as SVG: a line for each method over the budgets, and levels for what has no budget.</summary>
internal static class ResultPicture
{
    public static string Of(ComparisonResult result)
    {
        // The reference is a level; by itself it is a point.
        var isLevel = result.Contestants.ToLookup(contestant => contestant.Contestant.Budget is null && result.Contestants.Any(c => c.Contestant.Budget is not null));
        var series = isLevel[false]
            .GroupBy(contestant => contestant.Contestant.Name)
            .Select(group => new ScatterSeries(group.Key, [.. group.Select(Point)]))
            .ToList();
        var levels = isLevel[true]
            .Select(contestant => new ReferenceLevel(
                string.Create(CultureInfo.InvariantCulture, $"{contestant.Contestant.Name} ({Axis.Label(contestant.Contestant.Design.TrainableParameterCount)})"),
                100 * contestant.MeanOf(run => run.Accuracy)))
            .Append(new ReferenceLevel("untuned", 100 * result.Untuned))
            .ToList();
        return ScatterChart.Draw(
            "Held-out accuracy against trained parameters", "trained parameters",
            string.Create(CultureInfo.InvariantCulture, $"accuracy, % (mean and range of {result.Contestants[0].Runs.Count} seeds)"), series, levels);
    }

    private static ScatterPoint Point(ContestantResult result)
    {
        double[] accuracies = [.. result.Runs.Select(run => 100 * run.Accuracy)];
        var (mean, low, high) = (accuracies.Average(), accuracies.Min(), accuracies.Max());
        var parameters = result.Contestant.Design.TrainableParameterCount;
        return new ScatterPoint(
            parameters, mean, low, high, string.Create(CultureInfo.InvariantCulture, $"{mean:0.0} % ({low:0.0} to {high:0.0}) with {parameters:N0} parameters"));
    }
}
