using Microsoft.ML.Moka.Drawing;

namespace Microsoft.ML.Moka.Tests.Drawing;

/// <summary>What is a table or a picture elsewhere is one in a notebook, and what is none yet says so there instead of failing the cell.</summary>
public sealed class NotebookViewTests(TunedModel tuned)
{
    private readonly MLContext _context = new(seed: 1);

    [Fact]
    public void ACurveWithoutStepsSaysWhatToDo() => Assert.Equal(
        "<p>This curve has no step yet: set Progress to its Add method before Fit (with NumberOfEpochs = 0 there are no steps).</p>",
        Html(new TrainingCurve()));

    [Fact]
    public void LabelsAreATable()
    {
        var html = Html(_context.Model.PredictLabels(tuned.Model, "nice cup"));
        Assert.StartsWith("<table><thead><tr><th>label</th><th>probability, %</th></tr></thead><tbody><tr><td>yes</td>", html, StringComparison.Ordinal);
    }

    [Fact]
    public void MetricsOfSeveralLabelsAreATable()
    {
        var rows = _context.Data.LoadFromEnumerable([new { Text = "nice", Label = new[] { "a<b", "c" } }, new { Text = "poor", Label = new[] { "c" } },
            new { Text = "cup", Label = Array.Empty<string>() }]);
        using var model = _context.MultiLabelClassification.Trainers.Moka(new MokaMultiLabelTrainer.Options
        {
            BackbonePath = tuned.BackbonePath, NumberOfSteps = 1, Head = MokaHead.LastToken,
        }).Fit(rows);
        var html = Html(_context.MultiLabelClassification.Evaluate(model.Transform(rows)));
        Assert.Contains("<tr><td>a&lt;b</td><td>1</td>", html, StringComparison.Ordinal);
        Assert.Contains("<td>over all</td><td>3</td>", html, StringComparison.Ordinal);
    }

    [Fact]
    public void ASweepIsAPictureAndATable()
    {
        var data = _context.Data.LoadFromEnumerable(Row.Make(12));
        var keyed = _context.Transforms.Conversion.MapValueToKey("Label").Fit(data).Transform(data);
        var html = Html(_context.MulticlassClassification.SweepMoka(
            keyed, tuned.FewSteps, new SweepOptions { NumberOfTrials = 2, Search = SweepSearch.Random }));
        Assert.StartsWith("<svg", html, StringComparison.Ordinal);
        Assert.Contains("<th>log-loss</th>", html, StringComparison.Ordinal);
    }

    // As the notebook's kernel does.
    private static string Html(object value)
    {
        var attribute = value.GetType().GetCustomAttributes(inherit: false).Single(one => one.GetType().Name == "TypeFormatterSourceAttribute");
        var source = (Type)attribute.GetType().GetProperty("FormatterSourceType")!.GetValue(attribute)!;
        var format = Assert.IsType<NotebookFormat>(Assert.Single(((NotebookFormats)Activator.CreateInstance(source)!).CreateTypeFormatters()));
        using var writer = new StringWriter();
        Assert.True(format.Format(value, writer));
        return writer.ToString();
    }
}
