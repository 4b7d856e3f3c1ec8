using Microsoft.ML.Data;
using Microsoft.ML.Moka.Tests.MlNet;

namespace Microsoft.ML.Moka.Tests.Interop;

public sealed class ModelStreamTests
{
    private const string ModelVariable = "MOKA_TEST_MODEL";

    [Fact]
    public void AModelWithAnOutsideTransformerLoadsInAFreshProcess()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("model.zip");
        var ml = new MLContext(seed: 1);
        var data = ml.Data.LoadFromEnumerable(Review.Some);
        var keys = ml.Transforms.Conversion.MapValueToKey("Key", "Label").Append(ml.Transforms.Conversion.MapKeyToValue("Back", "Key")).Fit(data);
        ml.Model.Save(keys.Append(new PrefixTransformer("> ")), data.Schema, path);
        FreshProcess.Run(typeof(ModelStreamTests), nameof(LoadsAndPredicts), (ModelVariable, path));
    }

    [Fact(Explicit = true)]
    public void LoadsAndPredicts()
    {
        var ml = new MLContext();
        var model = ml.Model.Load(Environment.GetEnvironmentVariable(ModelVariable)!, out var schema);
        Assert.Equal(["Text", "Label", "Weight"], schema.Select(c => c.Name));
        using var engine = ml.Model.CreatePredictionEngine<Review, Prediction>(model);
        var prediction = engine.Predict(new Review { Text = "fine", Sentiment = "bad" });
        Assert.Equal(("> fine", 2u, "bad"), (prediction.Prefixed, prediction.Key, prediction.Back));
    }

    private sealed class Prediction
    {
        public string Prefixed { get; set; } = "";

        public uint Key { get; set; }

        public string Back { get; set; } = "";
    }
}
