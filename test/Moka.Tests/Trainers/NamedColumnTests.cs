using System.Globalization;
using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Tests.Trainers;

/// <summary>Columns of any type in the prompt, by their names.</summary>
public sealed class NamedColumnTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public enum Kind
    {
        Flat,
        House,
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Values_are_written_the_same_in_all_cultures()
    {
        var home = new Home
        {
            Text = "nice </s> cup", Price = 300000.5f, Rooms = -3, IsNew = true, Kind = Kind.House, Built = new DateTime(2026, 3, 1), Tags = ["a", "b"],
            Seen = new DateTime(2026, 3, 1, 14, 30, 5), Sold = new DateTimeOffset(2026, 3, 1, 14, 30, 0, TimeSpan.FromHours(1)),
            Took = TimeSpan.FromMinutes(90),
            Missing = double.NaN,
        };
        var before = CultureInfo.CurrentCulture;
        var other = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        (other.NumberFormat.NumberDecimalSeparator, other.NumberFormat.NegativeSign, other.DateTimeFormat.DateSeparator) = (",", "minus", "/");
        CultureInfo.CurrentCulture = other;
        try
        {
            Assert.Equal(
                "300000.5|-3|true|House|2026-03-01|2026-03-01 14:30:05|2026-03-01 14:30:00+01:00|01:30:00|a, b||nice </s> cup",
                Prompt("{Price}|{Rooms}|{IsNew}|{Kind}|{Built}|{Seen}|{Sold}|{Took}|{Tags}|{Missing}|{Text}", home));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void A_key_is_its_value()
    {
        var rows = tuned.Context.Data.LoadFromEnumerable(new[] { new { City = "Rome", Text = "a" }, new { City = "Bonn", Text = "b" } });
        var keys = tuned.Context.Transforms.Conversion.MapValueToKey("City").Fit(rows).Transform(rows);
        Assert.Equal(["Rome", "Bonn"], Prompts("{City}", keys));
    }

    [Fact]
    public void What_a_column_says_is_learned_saved_and_served()
    {
        var options = tuned.Options;
        // The text says nothing: the label is in the number.
        options.PromptTemplate = new PromptTemplate("{Text} costs {Price}");
        (options.Head, options.HeadLearningRate, options.NumberOfEpochs) = (MokaHead.LastToken, 1e-2f, 20);
        var rows = tuned.Context.Data.LoadFromEnumerable(Row.Make(100).Select(Priced));
        using var model = tuned.Context.MulticlassClassification.Trainers.Moka(options).Fit(rows);
        tuned.Context.Model.Save(model, rows.Schema, _folder.File("model.zip"));
        using var loaded = (MokaTransformer)new MLContext().Model.Load(_folder.File("model.zip"), out _);
        Assert.Equal(["Text", "Price"], loaded.PromptTemplate.Columns);
        var test = tuned.Context.Data.LoadFromEnumerable(Row.Make(30, seed: 2).Select(Priced));
        Assert.Equal(TunedModel.Scores(model.Transform(test)), TunedModel.Scores(loaded.Transform(test)));
        Assert.InRange(tuned.Context.MulticlassClassification.Evaluate(loaded.Transform(test), "LabelKey").MicroAccuracy, 0.9, 1);
        using var engine = tuned.Context.Model.CreatePredictionEngine<Unlabelled, Prediction>(loaded, new PredictionEngineOptions { OwnsTransformer = false });
        Assert.Equal("yes", engine.Predict(new Unlabelled { Text = "cup", Price = 7 }).PredictedLabel);
        Assert.Equal("no", engine.Predict(new Unlabelled { Text = "cup", Price = 1 }).PredictedLabel);

        // Rows that differ in the column alone are not taken for each other.
        var twice = TunedModel.Scores(model.Transform(tuned.Context.Data.LoadFromEnumerable(new[]
        {
            new Unlabelled { Text = "cup", Price = 7 }, new Unlabelled { Text = "cup", Price = 1 },
        })));
        Assert.NotEqual(twice[0], twice[1]);
        // A text alone has no such column.
        var error = Assert.Throws<InvalidOperationException>(() => options.PromptTemplate.Render(new("cup", [])));
        Assert.Contains("{Text}, which is a column of rows", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Columns_that_are_missing_or_cannot_be_written_are_named()
    {
        var options = tuned.FewSteps;
        options.PromptTemplate = new PromptTemplate("{Citty} {Sizes} {Text}");
        var rows = tuned.Context.Data.LoadFromEnumerable(new[] { new { Label = "yes", Text = "a", City = "b", Sizes = new[] { 1f, 2 } } });
        var trainer = tuned.Context.MulticlassClassification.Trainers.Moka(options);
        var shape = SchemaTests.ShapeOf(rows.Schema);
        foreach (var error in (ArgumentOutOfRangeException[])[Assert.Throws<ArgumentOutOfRangeException>(() => trainer.Fit(rows)),
            Assert.Throws<ArgumentOutOfRangeException>(() => trainer.GetOutputSchema(shape))])
        {
            Assert.Contains("column 'Citty', which the prompt template names", error.Message, StringComparison.Ordinal);
            Assert.Contains("'Sizes', which the prompt template names: expected text", error.Message, StringComparison.Ordinal);
            Assert.Contains("There are 'Label', 'Text', 'City', 'Sizes'.", error.Message, StringComparison.Ordinal);
        }
        options.PromptTemplate = new PromptTemplate("{Label} {Score} {Text}");
        var wrong = Assert.Throws<ArgumentException>(() => tuned.Context.MulticlassClassification.Trainers.Moka(options));
        Assert.Contains("the model would read the answer", wrong.Message, StringComparison.Ordinal);
        Assert.Contains("ScoreColumnName and the prompt template both name 'Score'", wrong.Message, StringComparison.Ordinal);
    }

    private static Home Priced(Row row) => new() { Text = row.Text.Split(' ')[1], Label = row.Label, Price = row.Label == "yes" ? 7 : 1 };

    private string Prompt(string template, Home home) => Prompts(template, tuned.Context.Data.LoadFromEnumerable([home])).Single();

    /// <summary>The prompts as the model's own reader makes them.</summary>
    private static List<string> Prompts(string template, IDataView rows)
    {
        var prompt = new PromptTemplate(template);
        var inputs = new Moka.DataViews.Columns.InputColumns(null, null, null, null) { Named = prompt.Columns };
        using var cursor = rows.GetRowCursor(inputs.In(rows.Schema));
        var reader = inputs.Reader(cursor, rows.Schema, []);
        var prompts = new List<string>();
        while (cursor.MoveNext())
            prompts.Add(prompt.Render(reader()));
        return prompts;
    }

    private sealed class Home
    {
        public string Text { get; set; } = "";

        public string Label { get; set; } = "";

        public float Price { get; set; }

        public int Rooms { get; set; }

        public bool IsNew { get; set; }

        [EnumType<Kind>]
        public Kind Kind { get; set; }

        public DateTime Built { get; set; }

        public DateTime Seen { get; set; }

        public DateTimeOffset Sold { get; set; }

        public TimeSpan Took { get; set; }

        public string[] Tags { get; set; } = [];

        public double Missing { get; set; }
    }

    private sealed class Unlabelled
    {
        public string Text { get; set; } = "";

        public double Price { get; set; }
    }
}
