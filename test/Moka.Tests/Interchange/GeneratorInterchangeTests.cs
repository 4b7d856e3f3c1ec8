using Microsoft.ML.Moka.Tests.Generation;

namespace Microsoft.ML.Moka.Tests.Interchange;

/// <summary>Text generators take adapters in and out as classifiers do.</summary>
public sealed class GeneratorInterchangeTests(WritingModel writing) : IDisposable
{
    private readonly MLContext _context = new(seed: 4);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void WhatOneModelLearnedAnotherWritesOverTheSameBackbone()
    {
        var options = writing.FewSteps;
        options.NumberOfSteps = 0;
        using var untuned = WritingModel.Trainer(_context, options).Fit(writing.Train);
        untuned.Options = writing.Model.Options;
        writing.Model.SaveAdapter(_folder.File("adapter"));

        using var model = untuned.WithAdapter(_folder.File("adapter"));

        Assert.Same(untuned.Weights.Backbone.Head, model.Weights.Backbone.Head);
        Assert.Equal(untuned.Options, model.Options);
        Assert.Equal(WritingModel.Texts(writing.Model.Transform(writing.Train)), WritingModel.Texts(model.Transform(writing.Train)));
        Assert.NotEqual(WritingModel.Texts(untuned.Transform(writing.Train)), WritingModel.Texts(model.Transform(writing.Train)));
    }

    [Fact]
    public void AMergedModelWritesTheSame()
    {
        writing.Model.SaveMerged(_folder.File("merged"), new MergeOptions { KeepQuantizationErrors = true });
        var options = writing.FewSteps;
        options.NumberOfSteps = 0;
        options.BackbonePath = _folder.File("merged");
        options.Quantization = BackboneQuantization.None;

        using var merged = WritingModel.Trainer(_context, options).Fit(writing.Train);

        merged.Options = writing.Model.Options;
        Assert.Equal(WritingModel.Texts(writing.Model.Transform(writing.Train)), WritingModel.Texts(merged.Transform(writing.Train)));
    }
}
