namespace Microsoft.ML.Moka.Tests.Interchange;

/// <summary>Backbones that are merged with adapters, and quantized, from folder to folder.</summary>
public sealed class FolderConversionTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("moka", BackboneQuantization.None)]
    [InlineData("dora", BackboneQuantization.NF4)]
    public void FoldersMergeToWhatTheModelMergesTo(string method, BackboneQuantization quantization)
    {
        var options = tuned.FewSteps;
        options.Adapter = AdapterMethods.Create(method);
        using var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train).LastTransformer;
        model.SaveAdapter(_folder.File("adapter"));
        model.SaveMerged(_folder.File("expected"), new MergeOptions { Quantization = quantization });

        tuned.Context.Model.Merge(tuned.BackbonePath, _folder.File("adapter"), _folder.File("merged"), new MergeOptions { Quantization = quantization });

        Assert.Equal(Contents("expected"), Contents("merged"));
    }

    [Theory]
    [InlineData(BackboneQuantization.NF4)]
    [InlineData(BackboneQuantization.FP4)]
    public void AQuantizedFolderScoresAsTheBackboneQuantizedInMemory(BackboneQuantization quantization)
    {
        tuned.Context.Model.Quantize(tuned.BackbonePath, _folder.File("quantized"), new MergeOptions { Quantization = quantization });

        Assert.Equal(Scores(tuned.BackbonePath, quantization), Scores(_folder.File("quantized"), BackboneQuantization.None));
        Assert.NotEqual(Scores(tuned.BackbonePath, BackboneQuantization.None), Scores(_folder.File("quantized"), BackboneQuantization.None));
    }

    [Fact]
    public void ByDefaultTheEmbeddedBackboneIsWrittenInNF4()
    {
        tuned.Context.Model.Quantize(null, _folder.File("quantized"));

        var (before, after) = (BackboneDescription.Of(), BackboneDescription.Of(_folder.File("quantized")));
        Assert.Equal("nf4", after.WeightFormat);
        Assert.True(after.WeightBytes < before.WeightBytes || before.WeightFormat == "nf4");
        Assert.Equal(before.ParameterCount, after.ParameterCount);
    }

    [Fact]
    public void ProgressRisesToOne()
    {
        var shares = new List<double>();

        tuned.Context.Model.Quantize(tuned.BackbonePath, _folder.File("quantized"), new MergeOptions
        {
            Quantization = BackboneQuantization.NF4,
            Progress = shares.Add,
        });

        Assert.True(shares.Count > 10);
        Assert.Equal(shares.Order(), shares);
        Assert.Equal(1, shares[^1], 1e-12);
    }

    [Fact]
    public void CancelledItLeavesTheFolderAsItWas()
    {
        tuned.Context.Model.Quantize(tuned.BackbonePath, _folder.File("quantized"));
        var before = Contents("quantized");
        using var source = new CancellationTokenSource();
        var options = new MergeOptions { Progress = _ => source.Cancel(), CancellationToken = source.Token };

        Assert.ThrowsAny<OperationCanceledException>(() => tuned.Context.Model.Quantize(tuned.BackbonePath, _folder.File("quantized"), options));

        Assert.Equal(before, Contents("quantized"));
        Assert.Single(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void WhatFoldersCannotSayIsRefused()
    {
        var error = Assert.Throws<ArgumentException>(
            () => tuned.Context.Model.Quantize(tuned.BackbonePath, _folder.File("x"), new MergeOptions { KeepQuantizationErrors = true }));
        Assert.Contains("SaveMerged", error.Message, StringComparison.Ordinal);
        Assert.Throws<FileNotFoundException>(() => tuned.Context.Model.Merge(tuned.BackbonePath, _folder.File("nothing"), _folder.File("x")));
        Assert.Contains("read from", Assert.Throws<ArgumentException>(() => tuned.Context.Model.Quantize(tuned.BackbonePath, tuned.BackbonePath)).Message,
            StringComparison.Ordinal);
        Assert.False(Path.Exists(_folder.File("x")));
    }

    private Dictionary<string, string> Contents(string folder) =>
        Directory.GetFiles(_folder.File(folder)).ToDictionary(path => Path.GetFileName(path), path => Convert.ToBase64String(File.ReadAllBytes(path)));

    private IReadOnlyList<float[]> Scores(string backbone, BackboneQuantization quantization)
    {
        var options = tuned.FewSteps;
        options.NumberOfSteps = 0;
        options.BackbonePath = backbone;
        options.Quantization = quantization;
        using var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train).LastTransformer;
        return TunedModel.Scores(model.Transform(tuned.Context.Data.LoadFromEnumerable(Row.Make(10, seed: 9))));
    }
}
