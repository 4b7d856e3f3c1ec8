using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Tests.Trainers;

/// <summary>Labels of every form that a column can have, from the trainer to ML.NET's own evaluation and prediction engine.</summary>
public sealed class LabelFormTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public enum Mood
    {
        Bad,
        Fine,
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Text_comes_back_as_text() => Check<TextRow, TextAnswer, string>(
        (text, good) => new TextRow { Text = text, Label = good ? "yes" : "no" }, answer => answer.PredictedLabel, good => good ? "yes" : "no", ["no", "yes"]);

    [Fact]
    public void Truth_comes_back_as_truth() => Check<TruthRow, TruthAnswer, bool>(
        (text, good) => new TruthRow { Text = text, Label = good }, answer => answer.PredictedLabel, good => good, ["false", "true"], MokaHead.LastToken);

    [Fact]
    public void Whole_numbers_come_back_as_their_type_in_their_order() => Check<NumberRow, NumberAnswer, int>(
        (text, good) => new NumberRow { Text = text, Label = good ? -3 : 12 }, answer => answer.PredictedLabel, good => good ? -3 : 12, ["-3", "12"]);

    [Fact]
    public void Large_numbers_keep_all_their_digits() => Check<LargeRow, LargeAnswer, ulong>(
        (text, good) => new LargeRow { Text = text, Label = good ? ulong.MaxValue : 2 }, answer => answer.PredictedLabel,
        good => good ? ulong.MaxValue : 2, ["2", "18446744073709551615"], MokaHead.LastToken);

    [Fact]
    public void Enums_come_back_by_their_names() => Check<MoodRow, TextAnswer, string>(
        (text, good) => new MoodRow { Text = text, Label = good ? Mood.Fine : Mood.Bad }, answer => answer.PredictedLabel,
        good => good ? "Fine" : "Bad", ["Bad", "Fine"]);

    [Fact]
    public void Keys_over_numbers_come_back_as_numbers_through_MapKeyToValue()
    {
        var rows = tuned.Context.Data.LoadFromEnumerable(Make((text, good) => new NumberRow { Text = text, Label = good ? 7 : 30 }, 100));
        var options = tuned.Options;
        (options.Head, options.HeadLearningRate) = (MokaHead.Mean, 1e-2f);
        var pipeline = tuned.Context.Transforms.Conversion.MapValueToKey("Label")
            .Append(tuned.Context.MulticlassClassification.Trainers.Moka(options))
            .Append(tuned.Context.Transforms.Conversion.MapKeyToValue("PredictedLabel"));
        using var model = pipeline.Fit(rows);
        tuned.Context.Model.Save(model, rows.Schema, _folder.File("keys.zip"));
        using var loaded = (TransformerChain<ITransformer>)new MLContext().Model.Load(_folder.File("keys.zip"), out _);
        foreach (var scored in (IDataView[])[model.Transform(rows), loaded.Transform(rows)])
        {
            Assert.Null(scored.Schema.GetColumnOrNull("LabelKey"));
            Assert.InRange(tuned.Context.MulticlassClassification.Evaluate(scored).MicroAccuracy, 0.99, 1);
            var answers = tuned.Context.Data.CreateEnumerable<NumberAnswer>(scored, reuseRowObject: false, ignoreMissingColumns: true);
            Assert.Equal(Make((_, good) => good ? 7 : 30, 100), answers.Select(answer => answer.PredictedLabel));
        }
    }

    [Fact]
    public void A_cross_validation_takes_labels_as_they_are()
    {
        var rows = tuned.Context.Data.LoadFromEnumerable(Row.Make(80));
        var folds = tuned.Context.MulticlassClassification.CrossValidate(
            rows, tuned.Context.MulticlassClassification.Trainers.Moka(tuned.Options), numberOfFolds: 2, labelColumnName: "LabelKey");
        Assert.All(folds, fold => Assert.InRange(fold.Metrics.MicroAccuracy, 0.75, 1));
    }

    [Fact]
    public void Another_form_of_the_same_words_is_evaluated_and_what_is_unknown_is_missing()
    {
        using var model = tuned.Context.MulticlassClassification.Trainers.Moka(tuned.Options).Fit(
            tuned.Context.Data.LoadFromEnumerable(Make((text, good) => new NumberRow { Text = text, Label = good ? 1 : 0 }, 100)));
        var test = tuned.Context.Data.LoadFromEnumerable(Make((text, good) => new TextRow { Text = text, Label = good ? "1" : "0" }, 20));
        Assert.InRange(tuned.Context.MulticlassClassification.Evaluate(model.Transform(test), "LabelKey").MicroAccuracy, 0.99, 1);
        TextRow[] others = [new() { Text = "nice cup", Label = "1" }, new() { Text = "nice cup", Label = "7" }, new() { Text = "nice cup", Label = "" }];
        var keys = Keys(model.Transform(tuned.Context.Data.LoadFromEnumerable(others)));
        Assert.Equal([2u, 0u, 0u], keys);
        // What is no label at all is let alone.
        var fractions = tuned.Context.Data.LoadFromEnumerable(new[] { new { Text = "nice cup", Label = 0.5f } });
        Assert.Null(model.Transform(fractions).Schema.GetColumnOrNull("LabelKey"));
    }

    [Fact]
    public void Missing_labels_are_skipped_and_blank_or_single_ones_refused()
    {
        var context = new MLContext(seed: 1);
        var lines = new List<string>();
        context.Log += (_, e) => lines.Add(e.RawMessage);
        var rows = Make((text, good) => new TextRow { Text = text, Label = good ? "yes" : "no" }, 20);
        rows[4].Label = "";
        context.MulticlassClassification.Trainers.Moka(tuned.FewSteps).Fit(context.Data.LoadFromEnumerable(rows)).Dispose();
        Assert.Contains(lines, line => line.Contains("Skipped 1 of 20 rows", StringComparison.Ordinal));

        rows[4].Label = "  ";
        Contains("is blank", Assert.Throws<InvalidOperationException>(() => Fit(rows)));
        rows.ForEach(row => row.Label = "yes");
        Contains("has only the value 'yes'", Assert.Throws<InvalidOperationException>(() => Fit(rows)));
        rows.ForEach(row => row.Label = "");
        Contains("has no values", Assert.Throws<InvalidOperationException>(() => Fit(rows)));
        var options = tuned.FewSteps;
        options.CandidatesColumnName = "Choices";
        Contains("CandidatesColumnName the label has to be text or keys", Assert.Throws<ArgumentOutOfRangeException>(() =>
            tuned.Context.MulticlassClassification.Trainers.Moka(options).Fit(
                tuned.Context.Data.LoadFromEnumerable(new[] { new { Text = "a", Label = 1, Choices = new[] { "1", "2" } } }))));
        options = tuned.FewSteps;
        options.LabelKeyColumnName = "Score";
        Contains("ScoreColumnName and LabelKeyColumnName are both 'Score'", Assert.Throws<ArgumentException>(() =>
            tuned.Context.MulticlassClassification.Trainers.Moka(options)));

        void Fit(List<TextRow> data) =>
            tuned.Context.MulticlassClassification.Trainers.Moka(tuned.FewSteps).Fit(tuned.Context.Data.LoadFromEnumerable(data)).Dispose();
    }

    [Fact]
    public void A_validation_sets_unknown_label_is_named_with_its_row()
    {
        var train = tuned.Context.Data.LoadFromEnumerable(Make((text, good) => new NumberRow { Text = text, Label = good ? 1 : 0 }, 20));
        var validation = tuned.Context.Data.LoadFromEnumerable(Make((text, _) => new NumberRow { Text = text, Label = 5 }, 3));
        Contains("Row 0 of the validation set has the label '5'", Assert.Throws<InvalidOperationException>(() =>
            tuned.Context.MulticlassClassification.Trainers.Moka(tuned.FewSteps).Fit(train, validation)));
    }

    private static void Contains(string part, Exception error) => Assert.Contains(part, error.Message, StringComparison.Ordinal);

    private static List<T> Make<T>(Func<string, bool, T> row, int count) => [.. Row.Make(count).Select(made => row(made.Text, made.Label == "yes"))];

    private static List<uint> Keys(IDataView scored)
    {
        using var cursor = scored.GetRowCursor([scored.Schema["LabelKey"]]);
        var getter = cursor.GetGetter<uint>(scored.Schema["LabelKey"]);
        var (keys, key) = (new List<uint>(), 0u);
        while (cursor.MoveNext())
        {
            getter(ref key);
            keys.Add(key);
        }
        return keys;
    }

    /// <summary>Trains on labels as they are; what comes back is checked before and after a way through a file, in rows and one by one.</summary>
    private void Check<TRow, TAnswer, TLabel>(
        Func<string, bool, TRow> row, Func<TAnswer, TLabel> answerOf, Func<bool, TLabel> labelOf, string[] words, MokaHead head = MokaHead.Words)
        where TRow : class
        where TAnswer : class, new()
    {
        var train = tuned.Context.Data.LoadFromEnumerable(Make(row, 100));
        var options = tuned.Options;
        (options.Head, options.HeadLearningRate) = (head, head == MokaHead.Words ? null : 1e-2f);
        var trainer = tuned.Context.MulticlassClassification.Trainers.Moka(options);
        using var model = trainer.Fit(train);
        Assert.Equal(words, model.Labels);
        Assert.Equal(
            SchemaTests.Describe(SchemaTests.ShapeOf(model.GetOutputSchema(train.Schema))),
            SchemaTests.Describe(trainer.GetOutputSchema(SchemaTests.ShapeOf(train.Schema))));

        tuned.Context.Model.Save(model, train.Schema, _folder.File("model.zip"));
        using var loaded = (MokaTransformer)new MLContext().Model.Load(_folder.File("model.zip"), out _);
        List<TLabel> wanted = [.. Row.Make(30, seed: 2).Select(made => labelOf(made.Label == "yes"))];
        var test = tuned.Context.Data.LoadFromEnumerable(Row.Make(30, seed: 2).Select(made => row(made.Text, made.Label == "yes")));
        foreach (var one in (MokaTransformer[])[model, loaded])
        {
            var scored = one.Transform(test);
            Assert.InRange(tuned.Context.MulticlassClassification.Evaluate(scored, "LabelKey").MicroAccuracy, 0.99, 1);
            Assert.Equal(wanted, tuned.Context.Data.CreateEnumerable<TAnswer>(scored, reuseRowObject: false).Select(answerOf));
            // Rows that are to be predicted have no label.
            using var engine = tuned.Context.Model.CreatePredictionEngine<TextOnly, TAnswer>(one, new PredictionEngineOptions { OwnsTransformer = false });
            Assert.Equal(labelOf(true), answerOf(engine.Predict(new TextOnly { Text = "nice cup" })));
            Assert.Null(engine.OutputSchema.GetColumnOrNull("LabelKey"));
        }
    }

    private sealed class TextOnly
    {
        public string Text { get; set; } = "";
    }

    private sealed class TextRow
    {
        public string Text { get; set; } = "";

        public string Label { get; set; } = "";
    }

    private sealed class TruthRow
    {
        public string Text { get; set; } = "";

        public bool Label { get; set; }
    }

    private sealed class NumberRow
    {
        public string Text { get; set; } = "";

        public int Label { get; set; }
    }

    private sealed class LargeRow
    {
        public string Text { get; set; } = "";

        public ulong Label { get; set; }
    }

    private sealed class MoodRow
    {
        public string Text { get; set; } = "";

        [EnumType<Mood>]
        public Mood Label { get; set; }
    }

    private sealed class TextAnswer
    {
        public string PredictedLabel { get; set; } = "";
    }

    private sealed class TruthAnswer
    {
        public bool PredictedLabel { get; set; }
    }

    private sealed class NumberAnswer
    {
        public int PredictedLabel { get; set; }
    }

    private sealed class LargeAnswer
    {
        public ulong PredictedLabel { get; set; }
    }
}
