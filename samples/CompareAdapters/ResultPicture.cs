using System.Globalization;
using OxyPlot;
using OxyPlot.Annotations;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace CompareAdapters;

/// <summary>Accuracy against trained parameters as SVG: a line for each method over the budgets, and levels for what has no budget.</summary>
internal static class ResultPicture
{
    private const double Width = 860;
    private const double Height = 460;

    private static readonly OxyColor Faint = OxyColor.FromRgb(0x66, 0x6B, 0x74);

    private static readonly MarkerType[] Markers = [MarkerType.Circle, MarkerType.Square, MarkerType.Diamond, MarkerType.Triangle];

    public static string Of(ComparisonResult result)
    {
        // The reference is a level; by itself it is a point.
        var isLevel =
            result.Contestants.ToLookup(contestant => contestant.Contestant.Budget is null && result.Contestants.Any(c => c.Contestant.Budget is not null));
        return Of(
            isLevel[false].Select(contestant => new Point(
                contestant.Contestant.Name, contestant.Contestant.Design.TrainableParameterCount, [.. contestant.Runs.Select(run => run.Accuracy)])),
            isLevel[true].Select(level => (NameOf(level.Contestant), level.MeanOf(run => run.Accuracy))).Append(("untuned", result.Untuned)));

        static string NameOf(Contestant contestant) => FormattableString.Invariant($"{contestant.Name} ({contestant.Design.TrainableParameterCount:N0})");
    }

    /// <param name="points">The methods at their budgets.</param>
    /// <param name="levels">What has no budget.</param>
    public static string Of(IEnumerable<Point> points, IEnumerable<(string Name, double Accuracy)> levels)
    {
        var methods = points.GroupBy(point => point.Method).ToList();
        var seeds = methods.Max(method => method.Max(point => point.Accuracies.Count));
        var plot = new PlotModel { Title = "Held-out accuracy against trained parameters", Culture = CultureInfo.InvariantCulture };
        plot.Axes.Add(new LogarithmicAxis { Position = AxisPosition.Bottom, Title = "trained parameters", StringFormat = "N0" });
        plot.Axes.Add(new LinearAxis
        {
            Position = AxisPosition.Left,
            Title = seeds == 1 ? "accuracy, % (one seed)" : FormattableString.Invariant($"accuracy, % (mean and range of {seeds} seeds)"),
            MajorGridlineStyle = LineStyle.Solid,
            MajorGridlineColor = OxyColor.FromRgb(0xE4, 0xE6, 0xEA),
        });
        plot.Legends.Add(new Legend { LegendPlacement = LegendPlacement.Outside, LegendPosition = LegendPosition.RightTop });
        for (var i = 0; i < methods.Count; i++)
            AddMethod(plot, methods[i].Key, [.. methods[i]], plot.DefaultColors[i % plot.DefaultColors.Count], Markers[i % Markers.Length]);
        foreach (var (name, accuracy) in levels)
            AddLevel(plot, name, accuracy);
        return new SvgExporter { Width = Width, Height = Height }.ExportToString(plot);
    }

    private static void AddMethod(PlotModel plot, string name, IReadOnlyList<Point> points, OxyColor color, MarkerType marker)
    {
        var means = new LineSeries { Title = name, Color = color, MarkerType = marker, MarkerSize = 4.5, MarkerFill = color };
        var ranges = new HighLowSeries { Color = color, RenderInLegend = false };
        foreach (var (_, parameters, shares) in points.OrderBy(point => point.Parameters))
        {
            double[] accuracies = [.. shares.Select(share => 100 * share)];
            means.Points.Add(new DataPoint(parameters, accuracies.Average()));
            ranges.Items.Add(new HighLowItem(parameters, accuracies.Max(), accuracies.Min()));
        }
        plot.Series.Add(means);
        plot.Series.Add(ranges);
    }

    /// <summary>What the methods are compared with, drawn across the picture.</summary>
    private static void AddLevel(PlotModel plot, string name, double accuracy)
    {
        plot.Annotations.Add(new LineAnnotation { Type = LineAnnotationType.Horizontal, Y = 100 * accuracy, Text = name, Color = Faint, TextColor = Faint });
        // The axis follows the series, not the levels.
        plot.Series.Add(new LineSeries { RenderInLegend = false, Points = { new DataPoint(double.NaN, 100 * accuracy) } });
    }

    /// <summary>A method at one budget.</summary>
    /// <param name="Method">Its name.</param>
    /// <param name="Parameters">What it trains.</param>
    /// <param name="Accuracies">One for each seed.</param>
    internal sealed record Point(string Method, long Parameters, IReadOnlyList<double> Accuracies);
}
