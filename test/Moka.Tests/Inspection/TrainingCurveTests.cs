using System.Globalization;
using System.Xml.Linq;

namespace Microsoft.ML.Moka.Tests.Inspection;

public sealed class TrainingCurveTests(TunedModel tuned)
{
    [Fact]
    public void A_curve_keeps_the_reports_of_a_fit()
    {
        var curve = new TrainingCurve();
        var options = tuned.FewSteps;
        options.Progress = curve.Add;
        using var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train).LastTransformer;

        Assert.Equal(Enumerable.Range(1, curve.Steps[0].Steps), curve.Steps.Select(step => step.Step));
        Assert.Equal(curve.Steps.Count, curve.Steps[^1].Steps);
        // Two lines, each with a sample in the legend.
        Assert.Equal(4, Lines(curve.ToSvg()).Count);
    }

    [Fact]
    public void Validation_losses_are_marks_at_their_steps()
    {
        var svg = XElement.Parse(CurveOf(40, step => 2 - step / 40.0, step => step % 10 == 0 ? 1.5 : null).ToSvg("Loss of the run"));

        var tips = svg.Descendants(svg.Name.Namespace + "title").Select(title => title.Value).ToList();
        Assert.Contains("Loss of the run", tips);
        Assert.Equal(
            [10, 20, 30, 40], tips.Where(tip =>
                tip.StartsWith("validation, step ", StringComparison.Ordinal)).Select(tip => int.Parse(tip.Split(' ', ':')[2], CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void A_line_falls_where_the_loss_falls()
    {
        var points = Lines(CurveOf(50, step => 3 - step * 0.05).ToSvg())[0];

        Assert.Equal(50, points.Count);
        Assert.All(points.Zip(points.Skip(1)), pair => Assert.True(pair.Second.X > pair.First.X && pair.Second.Y > pair.First.Y, $"{pair}"));
    }

    [Fact]
    public void A_long_run_is_drawn_with_two_points_for_a_pixel_and_keeps_its_peaks()
    {
        var curve = CurveOf(100_000, step => step == 77_777 ? 4 : 1);
        var svg = curve.ToSvg();

        Assert.All(Lines(svg), line => Assert.InRange(line.Count, 2, 1280));
        Assert.Equal(Lines(svg)[0].Min(point => point.Y) , Lines(CurveOf(10, step => step == 5 ? 4 : 1).ToSvg())[0].Min(point => point.Y));
        Assert.InRange(svg.Length, 1000, 100_000);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(299)]
    public void Ticks_of_steps_are_whole_numbers(int count)
    {
        var svg = XElement.Parse(CurveOf(count, _ => 1).ToSvg());

        var ticks = svg.Elements(svg.Name.Namespace + "text").Where(text => text.Attribute("y")!.Value == "323").Select(text => text.Value).ToList();
        Assert.InRange(ticks.Count, 2, 9);
        Assert.All(ticks, tick => Assert.True(int.TryParse(tick, CultureInfo.InvariantCulture, out _), tick));
    }

    [Fact]
    public void Losses_far_apart_get_a_logarithmic_axis()
    {
        Assert.Contains("loss (logarithmic)", CurveOf(10, step => 10 / (double)(step * step)).ToSvg());
        Assert.DoesNotContain("logarithmic", CurveOf(10, step => 10 - step + 0.9).ToSvg());
        Assert.DoesNotContain("logarithmic", CurveOf(10, step => 10 - step).ToSvg());
    }

    [Fact]
    public void Runs_stand_side_by_side()
    {
        var svg = TrainingCurve.ToSvg("Two runs", ("MoKA", CurveOf(20, step => 2, step => step == 20 ? 1 : null)), ("<LoRA> & more", CurveOf(30, step => 3)));

        var texts = XElement.Parse(svg).Elements().Where(element => element.Name.LocalName == "text").Select(text => text.Value);
        Assert.Superset(new HashSet<string> { "Two runs", "MoKA", "<LoRA> & more", "MoKA, validation" }, texts.ToHashSet());
    }

    [Fact]
    public void What_is_no_number_is_left_out()
    {
        var svg = CurveOf(10, step => step == 3 ? double.NaN : 1, step => step == 10 ? double.PositiveInfinity : null).ToSvg();

        Assert.Equal([9, 2, 9, 2], Lines(svg).Select(line => line.Count));
    }

    [Fact]
    public void A_curve_without_steps_says_what_to_do()
    {
        Assert.Contains("set Progress to its Add method", Assert.Throws<InvalidOperationException>(() => new TrainingCurve().ToSvg()).Message);
        Assert.Contains("'LoRA'",
            Assert.Throws<InvalidOperationException>(() => TrainingCurve.ToSvg("Runs", ("MoKA", CurveOf(3, _ => 1)), ("LoRA", new TrainingCurve()))).Message);
        Assert.Contains("no run", Assert.Throws<InvalidOperationException>(() => TrainingCurve.ToSvg("Runs")).Message);
        Assert.Throws<ArgumentNullException>(() => new TrainingCurve().Add(null!));
    }

    private static TrainingCurve CurveOf(int count, Func<int, double> loss, Func<int, double?>? validation = null)
    {
        var curve = new TrainingCurve();
        for (var step = 1; step <= count; step++)
            curve.Add(new TrainingProgress
            {
                Step = step, Steps = count, Epoch = 0, Loss = loss(step), SmoothedLoss = loss(step), LearningRate = 1, GradientNorm = 1, TokensPerSecond = 1,
                TimeLeft = default,
                ValidationLoss = validation?.Invoke(step),
            });
        return curve;
    }

    private static List<List<(double X, double Y)>> Lines(string svg) =>
    [
        .. XElement.Parse(svg).Elements().Where(element => element.Name.LocalName == "path")
            .Select(path => path.Attribute("d")!.Value.Split(['M', 'L'], StringSplitOptions.RemoveEmptyEntries).Select(Point).ToList()),
    ];

    private static (double, double) Point(string text)
    {
        var numbers = text.Trim().Split(' ');
        return (double.Parse(numbers[0], CultureInfo.InvariantCulture), double.Parse(numbers[1], CultureInfo.InvariantCulture));
    }
}
