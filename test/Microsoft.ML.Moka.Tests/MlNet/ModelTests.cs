using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Tests.MlNet;

public sealed class ModelTests
{
    private readonly MLContext _ml = new(seed: 1);

    private IDataView Reviews => _ml.Data.LoadFromEnumerable(Review.Some);

    private TransformerChain<Transforms.KeyToValueMappingTransformer> Fit() => _ml.Transforms.Conversion.MapValueToKey("Key", "Label")
        .Append(_ml.Transforms.Conversion.MapKeyToValue("Back", "Key")).Fit(Reviews);

    [Fact]
    public void AModelComesBackWithTheSchemaAndItsAnnotations()
    {
        var model = Fit();
        var mapped = model.Transform(Reviews);
        using var stream = new MemoryStream();
        _ml.Model.Save(model, mapped.Schema, stream);
        stream.Position = 0;
        var loaded = new MLContext().Model.Load(stream, out var schema);
        Assert.Equal(mapped.Schema.Select(c => c.ToString()), schema.Select(c => c.ToString()));
        Assert.Equal(["good", "bad", "mixed"], Read.KeyValues(schema["Key"]));
        Assert.Equal(mapped.Texts("Back"), loaded.Transform(Reviews).Texts("Back"));
    }

    [Fact]
    public void AModelMayComeWithoutSchema()
    {
        using var stream = new MemoryStream();
        _ml.Model.Save(Fit(), null, stream);
        stream.Position = 0;
        var loaded = _ml.Model.Load(stream, out var schema);
        Assert.Null(schema);
        Assert.Equal(["good", "bad", "good", "mixed"], loaded.Transform(Reviews).Texts("Back"));
    }

    [Fact]
    public void WhatIsNoZipIsRefused()
    {
        var error = Assert.Throws<FormatException>(() => _ml.Model.Load(new MemoryStream(new byte[100]), out _));
        Assert.Contains("zip", error.Message);
    }

    private sealed class Prediction
    {
        public uint Key { get; set; }

        public string Back { get; set; } = "";
    }

    [Fact]
    public void AnEnginePredictsObjectByObject()
    {
        using var engine = _ml.Model.CreatePredictionEngine<Review, Prediction>(Fit());
        Assert.Equal("mixed", engine.Predict(new Review { Sentiment = "mixed" }).Back);
        var prediction = new Prediction();
        engine.Predict(new Review { Sentiment = "unseen" }, ref prediction);
        Assert.Equal((0u, ""), (prediction.Key, prediction.Back));
        Assert.Equal(["Text", "Label", "Weight", "Key", "Back"], engine.OutputSchema.Select(c => c.Name));
        Assert.Throws<ArgumentNullException>(() => engine.Predict(null!));
    }

    private sealed class Disposed : ITransformer, IDisposable
    {
        public int Times { get; private set; }

        public bool IsRowToRowMapper { get; init; } = true;

        public void Dispose() => Times++;

        public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => inputSchema;

        public IDataView Transform(IDataView input) => input;

        public IRowToRowMapper GetRowToRowMapper(DataViewSchema inputSchema) => new Same(inputSchema);

        public void Save(ModelSaveContext ctx) => throw new NotSupportedException();

        private sealed class Same(DataViewSchema schema) : IRowToRowMapper
        {
            public DataViewSchema InputSchema => schema;

            public DataViewSchema OutputSchema => schema;

            public IEnumerable<DataViewSchema.Column> GetDependencies(IEnumerable<DataViewSchema.Column> dependingColumns) => dependingColumns;

            public DataViewRow GetRow(DataViewRow input, IEnumerable<DataViewSchema.Column> activeColumns) => input;
        }
    }

    [Fact]
    public void AnEngineOwnsItsModelUnlessToldOtherwise()
    {
        var (owned, lent) = (new Disposed(), new Disposed());
        var engine = _ml.Model.CreatePredictionEngine<Review, Review>(new TransformerChain<ITransformer>(owned));
        engine.Dispose();
        engine.Dispose();
        _ml.Model.CreatePredictionEngine<Review, Review>(lent, new PredictionEngineOptions { OwnsTransformer = false }).Dispose();
        Assert.Equal((1, 0), (owned.Times, lent.Times));
    }

    [Fact]
    public void AnEngineNeedsARowToRowMapper() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Model.CreatePredictionEngine<Review, Review>(new Disposed { IsRowToRowMapper = false }));

    [Fact]
    public void AFileIsWrittenAndReadByItsPath()
    {
        using var folder = new TemporaryFolder();
        _ml.Model.Save(Fit(), Reviews.Schema, folder.File("model.zip"));
        Assert.Equal(["good", "bad", "good", "mixed"], _ml.Model.Load(folder.File("model.zip"), out _).Transform(Reviews).Texts("Back"));
    }
}
