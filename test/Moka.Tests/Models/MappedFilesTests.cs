using Microsoft.ML.Moka.Backbones;

namespace Microsoft.ML.Moka.Tests.Models;

/// <summary>A file that stays mapped cannot be replaced on Windows; Linux shows what is mapped.</summary>
public sealed class MappedFilesTests(TunedModel tuned) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(BackboneQuantization.NF4)]
    [InlineData(BackboneQuantization.None)]
    public void NoFileOfTheBackboneStaysMappedAfterLoading(BackboneQuantization quantization)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has /proc/self/maps.");
        var options = tuned.FewSteps;
        options.BackbonePath = TinyBackbone.Write(_folder.File("mapped"), seed: 41);
        options.Quantization = quantization;

        using var model = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train).LastTransformer;

        Assert.DoesNotContain(_folder.Path, File.ReadAllText("/proc/self/maps"), StringComparison.Ordinal);
        Assert.All(TunedModel.Scores(model.Transform(tuned.Train)), score => Assert.True(float.IsFinite(score[0])));
    }

    [Fact]
    public void AnOpenCheckpointIsMappedUntilItIsDisposed()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has /proc/self/maps.");
        var files = BackboneSource.Open(TinyBackbone.Write(_folder.File("open"), seed: 42)).Files;
        var checkpoint = Moka.Checkpoints.Checkpoint.Open(files);
        Assert.Contains(_folder.Path, File.ReadAllText("/proc/self/maps"), StringComparison.Ordinal);

        checkpoint.Dispose();
        checkpoint.Dispose();
        SharedBackbone.FingerprintOf(files);

        Assert.DoesNotContain(_folder.Path, File.ReadAllText("/proc/self/maps"), StringComparison.Ordinal);
    }
}
