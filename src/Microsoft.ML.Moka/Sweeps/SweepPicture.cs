using Microsoft.ML.Moka.Design;
using Microsoft.ML.Moka.Drawing;

namespace Microsoft.ML.Moka.Sweeps;

/// <summary>The trials of a sweep as SVG: the metric over the learning rate.</summary>
internal static class SweepPicture
{
    private const double PlotWidth = 520;
    private const double PlotHeight = 280;
    private const double LegendDistance = 22;
    private const double LargestMark = 6.5;

    /// <exception cref="InvalidOperationException">No trial has metrics.</exception>
    public static string Of(SweepResult result)
    {
        var trials = result.Trials.Where(trial => trial.Problem is null && double.IsFinite(ValueOf(trial, result.Metric))).ToList();
        if (trials.Count == 0)
            throw new InvalidOperationException("No trial of the sweep has metrics, so that there is nothing to draw.");
        var adapters = trials.Select(trial => OptionsText.Of(trial.Adapter)).Distinct().ToList();
        var values = trials.Select(trial => ValueOf(trial, result.Metric)).ToList();
        var plot = new Plot(
            76, 44, PlotWidth, PlotHeight, Axis.Log(trials.Min(trial => trial.LearningRate), trials.Max(trial => trial.LearningRate)),
            Axis.Linear(result.Metric == SweepMetric.LogLoss ? 0 : values.Min(), values.Max()));
        var names = adapters.Append("the best").ToList();
        var title = "Trials of a sweep";
        var metric = result.Metric switch
        {
            SweepMetric.LogLoss => "log-loss",
            SweepMetric.MicroAccuracy => "accuracy, %",
            _ => "mean accuracy of the labels, %",
        };
        var width = Math.Max(plot.Left + PlotWidth + 28, names.Max(name => SvgDocument.WidthOf(name)) + 64);
        var legend = plot.Top + PlotHeight + 66;
        var svg = new SvgDocument(
            width, legend + names.Count * LegendDistance, title, $"{metric} on validation rows by learning rate; larger marks made more of the steps.");
        plot.DrawAxes(svg, "learning rate", metric);
        foreach (var trial in trials.OrderBy(trial => trial.StepShare).ThenBy(trial => trial.Number))
        {
            var (x, y) = (plot.X(trial.LearningRate), plot.Y(ValueOf(trial, result.Metric)));
            var share = trial.StepShare < 1 ? FormattableString.Invariant($"1/{1 / trial.StepShare:0} of the steps") : "all steps";
            var size = LargestMark * Math.Sqrt(Math.Max(trial.StepShare, 0.2));
            svg.Marker(x, y, adapters.IndexOf(OptionsText.Of(trial.Adapter)), size, FormattableString.Invariant(
                $"trial {trial.Number}, {share}: rate {trial.LearningRate:G3}, accuracy {100 * trial.MicroAccuracy:0.0} %, log-loss {trial.LogLoss:0.0000}"));
            if (ReferenceEquals(trial, result.Best))
                svg.Line(x, plot.Top, x, plot.Top + PlotHeight, Palette.Faint, 1.5, dashes: "3 3");
        }
        for (var i = 0; i < names.Count; i++)
        {
            var y = legend + i * LegendDistance;
            if (i < adapters.Count)
                svg.Marker(plot.Left + 8, y, i);
            else
                svg.Line(plot.Left + 8, y - 8, plot.Left + 8, y + 8, Palette.Faint, 1.5, dashes: "3 3");
            svg.Text(plot.Left + 24, y + 4, names[i], Palette.Ink);
        }
        return svg.ToString();
    }

    private static double ValueOf(SweepTrial trial, SweepMetric metric) => metric switch
    {
        SweepMetric.LogLoss => trial.LogLoss,
        SweepMetric.MicroAccuracy => 100 * trial.MicroAccuracy,
        _ => 100 * trial.MacroAccuracy,
    };
}
