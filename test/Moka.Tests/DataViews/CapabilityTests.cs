namespace Microsoft.ML.Moka.Tests.DataViews;

/// <summary>What ML.NET asks of a view or a model and Moka has not is refused, wherever in a chain the model stands.</summary>
public sealed class CapabilityTests(TunedModel tuned)
{
    private readonly MLContext _context = tuned.Context;

    public static TheoryData<string> Chains => ["alone", "last", "before keys", "as features", "joined"];

    [Theory]
    [MemberData(nameof(Chains))]
    public void A_chain_with_Moka_is_not_exported_to_ONNX(string chain)
    {
        var transforms = _context.Transforms;
        ITransformer model = chain switch
        {
            "alone" => tuned.Model,
            "last" => tuned.Chain,
            "before keys" => tuned.Chain.Append(transforms.Conversion.MapKeyToValue("PredictedLabel").Fit(Scored)),
            "as features" => tuned.Chain.Append(
                _context.MulticlassClassification.Trainers.SdcaMaximumEntropy("Label", "Score", maximumNumberOfIterations: 2).Fit(Scored)),
            _ => tuned.Chain.Append(transforms.Concatenate("Features", "Score").Append(transforms.NormalizeMinMax("Features")).Fit(Scored)),
        };
        using var stream = new MemoryStream();

        var error = Assert.Throws<NotSupportedException>(() => _context.Model.ConvertToOnnx(model, tuned.Train, stream));

        Assert.Contains("not exported to ONNX", error.Message, StringComparison.Ordinal);
        Assert.Contains("SaveMerged", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, stream.Length);
        Assert.Throws<NotSupportedException>(() => _context.Model.ConvertToOnnx(model, tuned.Train, stream, "PredictedLabel"));
    }

    [Fact]
    public void What_stands_beside_Moka_is_exported()
    {
        var keys = _context.Transforms.Conversion.MapValueToKey("Label").Fit(tuned.Train);
        using var stream = new MemoryStream();
        _context.Model.ConvertToOnnx(keys, tuned.Train, stream);
        Assert.NotEqual(0, stream.Length);
    }

    [Fact]
    public void The_importance_of_features_is_refused() => Assert.ThrowsAny<Exception>(() =>
        _context.MulticlassClassification.PermutationFeatureImportance(tuned.Chain, Scored));

    private IDataView Scored => tuned.Chain.Transform(tuned.Train);
}
