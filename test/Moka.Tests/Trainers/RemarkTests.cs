using Microsoft.ML.Data;
using Microsoft.ML.Moka.Tests.Generation;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Tests.Trainers;

/// <summary>What is no error and mostly not meant stands in the log.</summary>
public sealed class RemarkTests(TunedModel tuned, WritingModel writing)
{
    [Fact]
    public void BlankTextsAreCountedInTrainingAndInScoring()
    {
        var (context, warnings) = Logged();
        var rows = Rows(("a", "yes"), (" ", "yes"), ("b", "no"), ("", "no"), ("c", "no"));

        using var model = tuned.Pipeline(context, tuned.FewSteps).Fit(rows);
        Assert.Contains(warnings, line => line.StartsWith("2 of 5 texts of the training set are blank", StringComparison.Ordinal));

        warnings.Clear();
        _ = TunedModel.Scores(model.Transform(rows));
        Assert.Contains(
            warnings, line => line.StartsWith("Rows whose text is blank", StringComparison.Ordinal) && line.EndsWith(": 2.", StringComparison.Ordinal));

        warnings.Clear();
        _ = TunedModel.Scores(model.Transform(Rows(("a", "yes"), ("b", "no"))));
        Assert.Empty(warnings);
    }

    [Fact]
    public void BlankInstructionsAreCountedToo()
    {
        var (context, warnings) = Logged();
        var rows = context.Data.LoadFromEnumerable([new Order { Instruction = "sky", Output = "a" }, new Order { Instruction = "\n", Output = "b" }]);

        using var model = WritingModel.Trainer(context, writing.FewSteps).Fit(rows);
        _ = WritingModel.Texts(model.Transform(rows));

        Assert.Contains(warnings, line => line.StartsWith("1 of 2 texts of the training set are blank", StringComparison.Ordinal));
        Assert.Contains("Rows whose instruction is blank, so that nothing was asked: 1.", warnings);
    }

    [Fact]
    public void LabelsAreLookedAtAndTheMostFrequentIsTold()
    {
        var (context, warnings) = Logged();
        var told = new List<string>();
        context.Log += (_, log) => told.Add(log.RawMessage);

        using var model = tuned.Pipeline(context, tuned.FewSteps).Fit(Rows(("a", "yes"), ("b", "yes"), ("c", "Yes"), ("d", "no"), ("e", "no"), ("f", "no")));

        Assert.Contains(warnings, line => line.StartsWith("1 of 3 labels occur in one row of the training set only: 'Yes'", StringComparison.Ordinal));
        Assert.Contains(warnings, line => line.Contains("differ only in capitals, blanks", StringComparison.Ordinal)
            && line.Contains("'yes' and 'Yes'", StringComparison.Ordinal));
        Assert.Contains("The most frequent of 3 labels is 'no', of 50.0 % of the rows.", told);
    }

    /// <summary>Truth values and keys have labels that no row of a fold may have.</summary>
    [Theory]
    [InlineData(MokaHead.Words)]
    [InlineData(MokaHead.Mean)]
    public void ATrainingSetOfOneLabelIsTold(MokaHead head)
    {
        var (context, warnings) = Logged();
        using var binary = context.BinaryClassification.Trainers.Moka(new MokaBinaryTrainer.Options
        {
            BackbonePath = tuned.BackbonePath, NumberOfSteps = 1, Head = head, PromptTemplate = new PromptTemplate("{text} is"),
        }).Fit(context.Data.LoadFromEnumerable([new { Text = "nice cup", Label = true }, new { Text = "nice hat", Label = true }]));
        Assert.Contains(warnings, line => line.StartsWith("All rows of the training set have the label 'yes'", StringComparison.Ordinal));
    }

    [Fact]
    public void WhatIsNotAskedForIsNotAmongTheProblems()
    {
        var error = Assert.Throws<ArgumentException>(() => tuned.Context.Regression.Trainers.Moka(new MokaRegressionTrainer.Options { Head = MokaHead.Words }));
        Assert.DoesNotContain("{candidates}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheSmallBackboneIsForTryingOut()
    {
        var (context, warnings) = Logged();
        using var model = context.MulticlassClassification.Trainers.Moka(numberOfEpochs: 0).Fit(
            context.Transforms.Conversion.MapValueToKey("Label").Fit(tuned.Train).Transform(tuned.Train));
        Assert.Single(
            warnings, line => line.StartsWith("BackbonePath is not set: the small backbone inside this package is for trying out", StringComparison.Ordinal));

        warnings.Clear();
        using var other = tuned.Pipeline(context, tuned.FewSteps).Fit(tuned.Train);
        Assert.Empty(warnings);
    }

    [Fact]
    public void MajorityStandsBesideAccuracy()
    {
        var context = new MLContext(seed: 1);
        var rows = Rows(("a", "yes"), ("b", "no"), ("c", "no"), ("d", "no"));
        using var model = tuned.Pipeline(context, tuned.FewSteps).Fit(rows);

        Assert.Equal(0.75, context.MulticlassClassification.Evaluate(model.Transform(rows)).MostFrequentLabelAccuracy(), 1e-12);
        var unknown = context.MulticlassClassification.Evaluate(model.Transform(Rows(("a", "perhaps"))));
        Assert.Throws<InvalidOperationException>(() => unknown.MostFrequentLabelAccuracy());
    }

    private static (MLContext Context, List<string> Warnings) Logged()
    {
        var context = new MLContext(seed: 1);
        var warnings = new List<string>();
        context.Log += (_, log) =>
        {
            if (log.Kind == ChannelMessageKind.Warning)
                warnings.Add(log.RawMessage);
        };
        return (context, warnings);
    }

    private IDataView Rows(params (string Text, string Label)[] rows) =>
        tuned.Context.Data.LoadFromEnumerable(rows.Select(row => new Tests.Row { Text = row.Text, Label = row.Label }));
}
