namespace Microsoft.ML.Moka.Tests.Inspection;

public sealed class BackboneDescriptionTests(TunedModel tuned)
{
    [Fact]
    public void AFolderSaysWhatItIs()
    {
        var description = BackboneDescription.Of(tuned.BackbonePath);

        Assert.Equal(tuned.BackbonePath, description.Location);
        Assert.Equal(tuned.Model.BackboneParameterCount, description.ParameterCount);
        Assert.Equal(tuned.Model.Weights.Shared.Fingerprint, description.Fingerprint);
        Assert.Equal(
            (2, 32, 64, 4, 2, 8), (description.LayerCount, description.HiddenSize, description.IntermediateSize, description.AttentionHeadCount,
                description.KeyValueHeadCount, description.HeadSize));
        Assert.Equal(
            ("byte-level BPE", "F32", "none", true), (description.Tokenizer, description.WeightFormat, description.RotaryScaling, description.HasTiedHead));
        Assert.Equal(4 * description.ParameterCount, description.WeightBytes);
        Assert.Equal((320, 128, 10000.0), (description.VocabularySize, description.MaximumPositions, description.RotaryBase));
    }

    [Fact]
    public void AModelSaysWhatItIs()
    {
        Assert.Equal(BackboneDescription.Of(tuned.BackbonePath), tuned.Model.DescribeBackbone());
        Assert.Equal(BackboneQuantization.NF4, tuned.Model.Quantization);
        Assert.IsType<MokaAdapter>(tuned.Model.Adapter);
        Assert.Equal("{text} is", tuned.Model.PromptTemplate.Text);
        Assert.Equal(128, tuned.Model.MaximumTokens);
    }

    [Fact]
    public void AFolderWithoutABackboneIsRefused() =>
        Assert.Throws<FileNotFoundException>(() => BackboneDescription.Of(Path.GetTempPath()));
}
