using System.Reflection;
using Microsoft.ML.Data;

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

    /// <summary>ML.NET calls a loader by reflection, so that the loader's exception comes wrapped: once, or twice where the environment has seen it.</summary>
    [Fact]
    public void AnExceptionOfALoaderIsFoundInside()
    {
        var error = Assert.Throws<TargetInvocationException>(() => SaveAndLoad(new PrefixTransformer(PrefixTransformer.Bad)));
        Assert.Equal("A bad prefix.", Assert.IsType<InvalidDataException>(error.InnerException).Message);
        var refused = Assert.Throws<InvalidOperationException>(() => SaveAndLoad(new PrefixTransformer(PrefixTransformer.Refused)));
        Assert.Equal("A refused prefix.", refused.GetBaseException().Message);
    }

    [Fact]
    public void AnExceptionOfALoaderInAChainIsTheInnermost()
    {
        var error = Assert.Throws<TargetInvocationException>(() =>
            SaveAndLoad(new TransformerChain<ITransformer>(new PrefixTransformer("> "), new PrefixTransformer(PrefixTransformer.Bad))));
        Assert.Equal("A bad prefix.", error.GetBaseException().Message);
    }

    private static ITransformer SaveAndLoad(ITransformer transformer)
    {
        using var stream = new MemoryStream();
        var ml = new MLContext();
        ml.Model.Save(transformer, null, stream);
        stream.Position = 0;
        return ml.Model.Load(stream, out _);
    }

    private sealed class Prediction
    {
        public string Prefixed { get; set; } = "";

        public uint Key { get; set; }

        public string Back { get; set; } = "";
    }
}
