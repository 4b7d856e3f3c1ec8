using Microsoft.ML.Moka.Drawing;

namespace Microsoft.ML.Moka.Inspection;

/// <summary>The pictures of training runs.</summary>
internal static class TrainingPictures
{
    private const int Width = 640;

    /// <summary>Two points for each pixel: more would not be seen.</summary>
    private const int MostBuckets = Width;

    /// <summary>Losses that lie further apart get a logarithmic axis: on a linear one the end of the run would lie on the ground.</summary>
    private const double WidestLinearRatio = 20;

    public static string Losses(string title, IReadOnlyList<TrainingProgress> steps)
    {
        Check(steps, "This curve");
        return Draw(title,
        [
            new LineSeries("smoothed", Points(steps, step => step.SmoothedLoss), Marked: false),
            .. Validation("validation", steps),
            new LineSeries("each step", Points(steps, step => step.Loss), Width: 0.7, Marked: false),
        ]);
    }

    public static string Runs(string title, IReadOnlyList<(string Name, IReadOnlyList<TrainingProgress> Steps)> runs)
    {
        if (runs.Count == 0)
            throw new InvalidOperationException("There is no run to draw: name at least one curve.");
        foreach (var (name, steps) in runs)
            Check(steps, $"The curve of '{name}'");
        return Draw(title,
        [
            .. runs.Select(run => new LineSeries(run.Name, Points(run.Steps, step => step.SmoothedLoss), Marked: false)),
            .. runs.SelectMany(run => Validation($"{run.Name}, validation", run.Steps)),
        ]);
    }

    private static string Draw(string title, IReadOnlyList<LineSeries> series)
    {
        var points = series.SelectMany(line => line.Points).ToList();
        var (last, least, most) = (points.Max(point => point.X), points.Min(point => point.Y), points.Max(point => point.Y));
        // Below six steps, round ticks would be fractions of a step.
        var steps = last < 6 ? Axis.Whole(0, last, 7) : Axis.Linear(0, last);
        var isLogarithmic = least > 0 && most > WidestLinearRatio * least;
        return LineChart.Draw(
            title, "step", isLogarithmic ? "loss (logarithmic)" : "loss", series, steps,
            isLogarithmic ? Axis.Log(least, most) : Axis.Linear(Math.Min(0, least), most), Width);
    }

    private static IEnumerable<LineSeries> Validation(string name, IReadOnlyList<TrainingProgress> steps)
    {
        var points = steps.Where(step => step.ValidationLoss is { } loss && double.IsFinite(loss)).Select(step => (step.Step, step.ValidationLoss!.Value))
            .ToList();
        return points.Count > 0 ? [new LineSeries(name, points)] : [];
    }

    /// <summary>All finite points or, of a long run, the lowest and the highest of each bucket: what a line through all would touch.</summary>
    private static List<(int X, double Y)> Points(IReadOnlyList<TrainingProgress> steps, Func<TrainingProgress, double> loss)
    {
        var points = steps.Select(step => (X: step.Step, Y: loss(step))).Where(point => double.IsFinite(point.Y)).ToList();
        if (points.Count <= 2 * MostBuckets)
            return points;
        return
        [
            .. points.Chunk((points.Count + MostBuckets - 1) / MostBuckets)
                .SelectMany(bucket => new[] { bucket.MinBy(point => point.Y), bucket.MaxBy(point => point.Y) }.Distinct().OrderBy(point => point.X)),
        ];
    }

    private static void Check(IReadOnlyList<TrainingProgress> steps, string what)
    {
        if (!steps.Any(step => double.IsFinite(step.Loss)))
            throw new InvalidOperationException(
                $"{what} has no step yet: set Progress to its Add method before Fit (with NumberOfEpochs = 0 there are no steps).");
    }
}
