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
        var plot = new PlotModel { Title = "Held-out accuracy against trained parameters", Culture = CultureInfo.InvariantCulture };
        plot.Axes.Add(new LogarithmicAxis { Position = AxisPosition.Bottom, Title = "trained parameters", StringFormat = "N0" });
        plot.Axes.Add(new LinearAxis
        {
            Position = AxisPosition.Left,
            Title = FormattableString.Invariant($"accuracy, % (mean and range of {result.Contestants[0].Runs.Count} seeds)"),
            MajorGridlineStyle = LineStyle.Solid,
            MajorGridlineColor = OxyColor.FromRgb(0xE4, 0xE6, 0xEA),
        });
        plot.Legends.Add(new Legend { LegendPlacement = LegendPlacement.Outside, LegendPosition = LegendPosition.RightTop });

        // The reference is a level; by itself it is a point.
        var isLevel =
            result.Contestants.ToLookup(contestant => contestant.Contestant.Budget is null && result.Contestants.Any(c => c.Contestant.Budget is not null));
        var methods = isLevel[false].GroupBy(contestant => contestant.Contestant.Name).ToList();
        for (var i = 0; i < methods.Count; i++)
            AddMethod(plot, methods[i].Key, [.. methods[i]], plot.DefaultColors[i % plot.DefaultColors.Count], Markers[i % Markers.Length]);
        foreach (var level in isLevel[true])
        {
            var name = FormattableString.Invariant($"{level.Contestant.Name} ({level.Contestant.Design.TrainableParameterCount:N0})");
            AddLevel(plot, name, level.MeanOf(run => run.Accuracy));
        }
        AddLevel(plot, "untuned", result.Untuned);
        return new SvgExporter { Width = Width, Height = Height }.ExportToString(plot);
    }

    private static void AddMethod(PlotModel plot, string name, IReadOnlyList<ContestantResult> results, OxyColor color, MarkerType marker)
    {
        var means = new LineSeries { Title = name, Color = color, MarkerType = marker, MarkerSize = 4.5, MarkerFill = color };
        var ranges = new HighLowSeries { Color = color, RenderInLegend = false };
        foreach (var result in results.OrderBy(result => result.Contestant.Design.TrainableParameterCount))
        {
            double[] accuracies = [.. result.Runs.Select(run => 100 * run.Accuracy)];
            var parameters = result.Contestant.Design.TrainableParameterCount;
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
}
