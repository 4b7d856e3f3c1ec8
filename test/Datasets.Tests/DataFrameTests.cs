using Microsoft.Data.Analysis;
using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Tests.Datasets;

/// <summary>A DataFrame is an IDataView: it goes into a pipeline as it is, and what comes out becomes one.</summary>
public sealed class DataFrameTests
{
    [Fact]
    public void A_pipeline_fits_on_a_DataFrame_and_its_scores_come_back_as_one()
    {
        var context = new MLContext(seed: 1);
        var frame = new DataFrame(
            new StringDataFrameColumn("Text", ["a good cup", "a bad cup", "a good hat", "a bad hat"]),
            new StringDataFrameColumn("Label", ["yes", "no", "yes", "no"]),
            new Int64DataFrameColumn("Id", [1L, 2, 3, 4]));
        using var model = context.Transforms.Conversion.MapValueToKey("Label")
            .Append(context.MulticlassClassification.Trainers.Moka(new MokaTrainer.Options { NumberOfSteps = 2 }))
            .Append(context.Transforms.Conversion.MapKeyToValue("PredictedLabel"))
            .Fit(frame);

        var scored = model.Transform(frame).ToDataFrame(-1, "Id", "Text", "PredictedLabel", "Score");
        Assert.Equal(4, scored.Rows.Count);
        Assert.Equal([1L, 2, 3, 4], (Int64DataFrameColumn)scored["Id"]);
        Assert.All((StringDataFrameColumn)scored["PredictedLabel"], label => Assert.Contains(label, (string[])["yes", "no"]));
        var scores = (VBufferDataFrameColumn<float>)scored["Score"];
        Assert.All(scores, row => Assert.Equal(1, row.DenseValues().Sum(), 1e-4));
        Assert.Equal(model.Transform(frame).GetColumn<float[]>("Score"), scores.Select(row => row.DenseValues().ToArray()));
        using var embedding = context.Transforms.Text.MokaEmbedding().Fit(frame);
        Assert.Equal(4, embedding.Transform(frame).ToDataFrame(-1, "Text", "Features").Rows.Count);
    }
}
