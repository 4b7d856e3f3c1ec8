using Microsoft.ML.Data;
using Microsoft.ML.Transforms;

namespace Microsoft.ML.Moka.Tests.MlNet;

public sealed class KeyMappingTests
{
    private readonly MLContext _ml = new(seed: 1);

    private IDataView Reviews => _ml.Data.LoadFromEnumerable(Review.Some);

    [Fact]
    public void ValuesAreNumberedByOccurrenceOrByValue()
    {
        var occurrence = _ml.Transforms.Conversion.MapValueToKey("Label").Fit(Reviews).Transform(Reviews);
        Assert.Equal([1u, 2u, 1u, 3u], occurrence.Column<uint>("Label"));
        Assert.Equal(["good", "bad", "mixed"], Read.KeyValues(occurrence.Schema["Label"]));

        var value = _ml.Transforms.Conversion
            .MapValueToKey("Key", "Label", keyOrdinality: ValueToKeyMappingEstimator.KeyOrdinality.ByValue)
            .Fit(Reviews).Transform(Reviews);
        Assert.Equal([2u, 1u, 2u, 3u], value.Column<uint>("Key"));
        Assert.Equal(["bad", "good", "mixed"], Read.KeyValues(value.Schema["Key"]));
        Assert.Equal("Key<UInt32, 0-2>", value.Schema["Key"].Type.ToString());
    }

    [Fact]
    public void ValuesThatWereNotSeenAreMissing()
    {
        var transformer = _ml.Transforms.Conversion.MapValueToKey("Label").Fit(Reviews);
        var other = _ml.Data.LoadFromEnumerable(new[] { new Review { Sentiment = "dull" }, new Review { Sentiment = "bad" }, new Review() });
        Assert.Equal([0u, 2u, 0u], transformer.Transform(other).Column<uint>("Label"));
    }

    [Fact]
    public void EmptyTextAndNaNGetNoKey()
    {
        var data = _ml.Transforms.Conversion.MapValueToKey([new InputOutputColumnPair("T", "Text"), new InputOutputColumnPair("W", "Weight")])
            .Fit(Reviews).Transform(Reviews);
        Assert.Equal([1u, 2u, 0u, 3u], data.Column<uint>("T"));
        Assert.Equal([1u, 2u, 0u, 3u], data.Column<uint>("W"));
        Assert.IsType<NumberDataViewType>(((VectorDataViewType)data.Schema["W"].Annotations.Schema["KeyValues"].Type).ItemType);
    }

    [Fact]
    public void KeysMapBackToValuesAndMissingOnesToEmptyText()
    {
        var there = _ml.Transforms.Conversion.MapValueToKey("Label", maximumNumberOfKeys: 2);
        var data = there.Append(_ml.Transforms.Conversion.MapKeyToValue("Back", "Label")).Fit(Reviews).Transform(Reviews);
        Assert.Equal(["good", "bad", "good", ""], data.Texts("Back"));
    }

    [Fact]
    public void AReplacedColumnIsHiddenAndStandsBeforeItsSuccessor()
    {
        var data = _ml.Transforms.Conversion.MapValueToKey("Label").Fit(Reviews).Transform(Reviews);
        Assert.Equal(["Text", "Label", "Label", "Weight"], data.Schema.Select(c => c.Name));
        Assert.True(data.Schema[1].IsHidden);
        Assert.Equal(2, data.Schema["Label"].Index);
    }

    [Fact]
    public void VectorsAreMappedItemByItem()
    {
        var rows = new[] { new Words { Tokens = ["a", "b"] }, new Words { Tokens = ["b", "c", "a"] } };
        var data = _ml.Data.LoadFromEnumerable(rows);
        var mapped = _ml.Transforms.Conversion.MapValueToKey("Keys", "Tokens").Append(_ml.Transforms.Conversion.MapKeyToValue("Back", "Keys"))
            .Fit(data).Transform(data);
        Assert.Equal([2u, 3u, 1u], mapped.Column<VBuffer<uint>>("Keys")[1].DenseValues());
        Assert.Equal(["b", "c", "a"], mapped.Column<VBuffer<ReadOnlyMemory<char>>>("Back")[1].DenseValues().Select(t => t.ToString()));
    }

    private sealed class Words
    {
        public string[] Tokens = [];
    }

    [Fact]
    public void AMissingInputColumnFailsBeforeAnythingIsFitted()
    {
        var fitted = false;
        var chain = _ml.Transforms.Conversion.MapValueToKey("Label").WithOnFitDelegate(_ => fitted = true)
            .Append(_ml.Transforms.Conversion.MapKeyToValue("Absent"));
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => chain.Fit(Reviews));
        Assert.Contains("Could not find input column 'Absent'", error.Message);
        Assert.False(fitted);
    }

    [Fact]
    public void MapKeyToValueRefusesAColumnThatIsNoKey()
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new EstimatorChain<ITransformer>()
            .Append(_ml.Transforms.Conversion.MapKeyToValue("Text")).Fit(Reviews));
        Assert.Contains("Schema mismatch for input column 'Text': expected KeyType, got String", error.Message);
    }

    [Fact]
    public void KeyDataFixesTheKeysInAdvance()
    {
        var keys = _ml.Data.LoadFromEnumerable(new[] { new Only { Value = "mixed" }, new Only { Value = "bad" } });
        var data = _ml.Transforms.Conversion.MapValueToKey("Label", keyData: keys).Fit(Reviews).Transform(Reviews);
        Assert.Equal([0u, 2u, 0u, 1u], data.Column<uint>("Label"));
    }

    private sealed class Only
    {
        public string Value { get; set; } = "";
    }
}
