using Microsoft.ML.Data;
using Microsoft.ML.Moka.Interop;
using Kind = Microsoft.ML.SchemaShape.Column.VectorKind;

namespace Microsoft.ML.Moka.Tests.Trainers;

public sealed class SchemaTests(TunedModel tuned)
{
    private static readonly SchemaShape.Column Words = MlNetAccess.CreateColumn("KeyValues", Kind.Vector, TextDataViewType.Instance, false);

    [Fact]
    public void TheTrainerPromisesExactlyWhatTheModelDelivers()
    {
        var mapped = tuned.Context.Transforms.Conversion.MapValueToKey("Label").Fit(tuned.Train).Transform(tuned.Train);

        var promised = Describe(tuned.Context.MulticlassClassification.Trainers.Moka(tuned.Options).GetOutputSchema(ShapeOf(mapped.Schema)));

        Assert.Equal(Describe(ShapeOf(tuned.Model.Transform(mapped).Schema)), promised);
        Assert.Equal(Describe(ShapeOf(tuned.Model.GetOutputSchema(mapped.Schema))), promised);
        Assert.Contains(
            "PredictedLabel: Scalar UInt32 key {KeyValues: Vector String, ScoreColumnKind: Scalar String, ScoreColumnSetId: Scalar UInt32 key, " +
            "ScoreValueKind: Scalar String}", promised);
        Assert.Contains(
            "Score: Vector Single {ScoreColumnKind: Scalar String, ScoreColumnSetId: Scalar UInt32 key, ScoreValueKind: Scalar String, SlotNames: " +
            "Vector String, TrainingLabelValues: Vector String}", promised);
    }

    [Fact]
    public void AColumnOfAnOutputsNameIsHidden()
    {
        var data = tuned.Context.Data.LoadFromEnumerable(Row.Make(5).Select(r => new { r.Label, r.Text, Score = 5 }));
        var mapped = tuned.Context.Transforms.Conversion.MapValueToKey("Label").Fit(data).Transform(data);

        var scored = tuned.Model.Transform(mapped);

        Assert.IsType<VectorDataViewType>(scored.Schema["Score"].Type);
        Assert.Equal(5, TunedModel.Scores(scored).Count);
        Assert.Equal(
            Describe(ShapeOf(scored.Schema)),
            Describe(tuned.Context.MulticlassClassification.Trainers.Moka(tuned.Options).GetOutputSchema(ShapeOf(mapped.Schema))));
    }

    [Fact]
    public void TheAnnotationsAreThoseOfAMulticlassScorer()
    {
        var schema = tuned.Chain.Transform(tuned.Train).Schema;

        Assert.Equal("MulticlassClassification", Text(schema["Score"], "ScoreColumnKind"));
        Assert.Equal("Score", Text(schema["Score"], "ScoreValueKind"));
        Assert.Equal("MulticlassClassification", Text(schema["PredictedLabel"], "ScoreColumnKind"));
        Assert.Equal("PredictedLabel", Text(schema["PredictedLabel"], "ScoreValueKind"));
        Assert.Equal(tuned.Model.Labels, Texts(schema["Score"], "SlotNames"));
        Assert.Equal(tuned.Model.Labels, Texts(schema["PredictedLabel"], "KeyValues"));
        Assert.Equal(1u, SetId(schema["Score"]));
        Assert.Equal(2u, (uint)((KeyDataViewType)schema["PredictedLabel"].Type).Count);
    }

    [Fact]
    public void ScoresOfTwoModelsHaveDifferentSetIds()
    {
        var options = tuned.FewSteps;
        options.ScoreColumnName = "SecondScore";
        options.PredictedLabelColumnName = "SecondLabel";
        using var second = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);

        var schema = second.Transform(tuned.Model.Transform(tuned.Train)).Schema;

        Assert.Equal(1u, SetId(schema["Score"]));
        Assert.Equal(2u, SetId(schema["SecondScore"]));
        Assert.Equal(2u, SetId(schema["SecondLabel"]));
    }

    [Fact]
    public void AllColumnsThatAreWrongAreNamedAtOnce()
    {
        var options = tuned.Options;
        options.TextColumnName = "Message";
        options.CandidatesColumnName = "Choices";
        var trainer = tuned.Context.MulticlassClassification.Trainers.Moka(options);
        var data = tuned.Context.Data.LoadFromEnumerable(Row.Make(2).Select(r => new { Label = 0.5f, Choices = "a" }));

        var error = Assert.Throws<ArgumentOutOfRangeException>(() => trainer.GetOutputSchema(ShapeOf(data.Schema)));

        Assert.Contains("'Label': expected text, Boolean, a whole number, an enum, or Key<UInt32>, got Single", error.Message, StringComparison.Ordinal);
        Assert.Contains("text column 'Message'", error.Message, StringComparison.Ordinal);
        Assert.Contains("Options.TextColumnName", error.Message, StringComparison.Ordinal);
        Assert.Contains("'Choices': expected a vector of text, got String", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => trainer.Fit(data));
    }

    [Fact]
    public void AMissingColumnIsNamedWithTheSetAndWithWhatIsThere()
    {
        var trainer = tuned.Context.MulticlassClassification.Trainers.Moka(tuned.FewSteps);
        var train = tuned.Context.Transforms.Conversion.MapValueToKey("Label").Fit(tuned.Train).Transform(tuned.Train);
        var renamed = tuned.Context.Data.LoadFromEnumerable(Row.Make(4).Select(r => new { r.Label, Message = r.Text }));
        var unlabelled = tuned.Context.Data.LoadFromEnumerable(Row.Make(4).Select(r => new { Kind = r.Label, r.Text }));

        var training = Assert.Throws<ArgumentOutOfRangeException>(() => trainer.Fit(renamed)).Message;
        Assert.Contains("text column 'Text'", training, StringComparison.Ordinal);
        Assert.Contains("There are 'Label', 'Message'.", training, StringComparison.Ordinal);
        var validation = Assert.Throws<ArgumentOutOfRangeException>(() => trainer.Fit(train, renamed)).Message;
        Assert.Contains("The validation set: Could not find the text column 'Text'", validation, StringComparison.Ordinal);
        Assert.Contains("There are 'Label', 'Message'.", validation, StringComparison.Ordinal);
        var label = Assert.Throws<ArgumentOutOfRangeException>(() => trainer.Fit(train, unlabelled)).Message;
        Assert.Contains("label column 'Label' in the validation set", label, StringComparison.Ordinal);
        Assert.Contains("There are 'Kind', 'Text'.", label, StringComparison.Ordinal);
        var scoring = Assert.Throws<ArgumentOutOfRangeException>(() => tuned.Model.Transform(renamed)).Message;
        Assert.Contains("There are 'Label', 'Message'.", scoring, StringComparison.Ordinal);
    }

    public static TheoryData<string, SchemaShape> WrongLabels => new()
    {
        { "Could not find the label column", new([]) },
        { "or Key<UInt32>, got Single", new([MlNetAccess.CreateColumn("Label", Kind.Scalar, NumberDataViewType.Single, false)]) },
        { "or Key<UInt32>, got a vector of UInt32",
            new([MlNetAccess.CreateColumn("Label", Kind.Vector, NumberDataViewType.UInt32, true, new([Words]))]) },
        { "or Key<UInt32>, got keys of UInt16", new([MlNetAccess.CreateColumn("Label", Kind.Scalar, NumberDataViewType.UInt16, true, new([Words]))]) },
        { "have no words", new([MlNetAccess.CreateColumn("Label", Kind.Scalar, NumberDataViewType.UInt32, true)]) },
        {
            "have no words", new([MlNetAccess.CreateColumn("Label", Kind.Scalar, NumberDataViewType.UInt32, true, new([
                MlNetAccess.CreateColumn("KeyValues", Kind.Vector, NumberDataViewType.Single, false)]))])
        },
    };

    [Theory]
    [MemberData(nameof(WrongLabels))]
    public void ALabelWithoutWordsIsRefused(string message, SchemaShape shape)
    {
        var trainer = tuned.Context.MulticlassClassification.Trainers.Moka(tuned.Options);
        var text = MlNetAccess.CreateColumn("Text", Kind.Scalar, TextDataViewType.Instance, false);

        var error = Assert.Throws<ArgumentOutOfRangeException>(() => trainer.GetOutputSchema(new SchemaShape([.. shape, text])));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheModelNeedsNoLabelAndRefusesMissingText()
    {
        var unlabelled = tuned.Context.Data.LoadFromEnumerable(Row.Make(3).Select(r => new { r.Text }));
        Assert.Equal(3, TunedModel.Scores(tuned.Model.Transform(unlabelled)).Count);

        var other = tuned.Context.Data.LoadFromEnumerable(new[] { new { Sentence = "nice cup" } });
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => tuned.Model.Transform(other));
        Assert.Contains("'Text'", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => tuned.Model.GetRowToRowMapper(other.Schema));
    }

    /// <summary>What ML.NET makes of a schema for estimators.</summary>
    internal static SchemaShape ShapeOf(DataViewSchema schema) => new(schema.Where(c => !c.IsHidden).Select(c =>
        ShapeOf(c.Name, c.Type, new SchemaShape(c.Annotations.Schema.Select(a => ShapeOf(a.Name, a.Type))))));

    internal static SchemaShape.Column ShapeOf(string name, DataViewType type, SchemaShape? annotations = null)
    {
        var vector = type as VectorDataViewType;
        var item = vector?.ItemType ?? type;
        DataViewType itemType = item is KeyDataViewType ? NumberDataViewType.UInt32 : item;
        Assert.True(item is not KeyDataViewType || item.RawType == typeof(uint));
        var kind = vector is null ? Kind.Scalar : vector.IsKnownSize ? Kind.Vector : Kind.VariableVector;
        return MlNetAccess.CreateColumn(name, kind, itemType, item is KeyDataViewType, annotations);
    }

    internal static List<string> Describe(SchemaShape shape) => [.. shape.Select(Describe).Order(StringComparer.Ordinal)];

    internal static string Describe(SchemaShape.Column column)
    {
        var annotations = column.Annotations.Count == 0 ? "" : $" {{{string.Join(", ", Describe(column.Annotations))}}}";
        return $"{column.Name}: {column.Kind} {column.ItemType}{(column.IsKey ? " key" : "")}{annotations}";
    }

    private static string Text(DataViewSchema.Column column, string annotation)
    {
        var value = default(ReadOnlyMemory<char>);
        column.Annotations.GetValue(annotation, ref value);
        return value.ToString();
    }

    private static IEnumerable<string> Texts(DataViewSchema.Column column, string annotation)
    {
        var value = default(VBuffer<ReadOnlyMemory<char>>);
        column.Annotations.GetValue(annotation, ref value);
        return [.. value.DenseValues().Select(v => v.ToString())];
    }

    private static uint SetId(DataViewSchema.Column column)
    {
        var value = 0u;
        column.Annotations.GetValue("ScoreColumnSetId", ref value);
        return value;
    }
}
