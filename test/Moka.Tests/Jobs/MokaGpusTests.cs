using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tests.Tensors;

namespace Microsoft.ML.Moka.Tests.Jobs;

/// <summary>Several GPUs of a machine train together: losses and weights are those of one.</summary>
[Collection(FakeProvider.Collection)]
public sealed class MokaGpusTests(TunedModel tuned)
{
    [Theory]
    [InlineData(true, 2)]
    [InlineData(true, 0, 2, 3)]
    [InlineData(false, 0, 2)]
    public void TheyGiveTheBitsOfOne(bool takesPart, params int[] gpus)
    {
        using var replaced = BackendProvider.Replace(new FakeProvider(0, 1, 2, 3));
        var (losses, scores, warnings) = Train(null);

        var together = Train(new MokaGpus(gpus) { TakesPart = takesPart });

        Assert.Equal(4, losses.Count);
        Assert.Equal(losses, together.Losses);
        Assert.Equal(scores, together.Scores);
        Assert.Empty(warnings);
        Assert.Empty(together.Warnings);
    }

    [Fact]
    public void OneWithoutMemoryIsLeftOutAndTheOthersDoItsBatches()
    {
        using var replaced = BackendProvider.Replace(new FakeProvider(1, 2, 3) { Full = 3 });
        var alone = Train(null);

        var together = Train(new MokaGpus(2, 3));

        Assert.Equal(alone.Losses, together.Losses);
        Assert.Equal(alone.Scores, together.Scores);
        Assert.Equal("GPU 3 is left out: The GPU is full.", Assert.Single(together.Warnings));
    }

    [Fact]
    public void OneThatIsNotThereIsAnErrorAndSoIsTheOneThatComputesAlready()
    {
        using var replaced = BackendProvider.Replace(new FakeProvider(1, 2));
        var missing = Assert.Throws<InvalidOperationException>(() => Train(new MokaGpus(2, 5)));
        Assert.Equal("Workers are MokaGpus(2, 5), and there is no GPU 5: buy one.", missing.Message);
        var twice = Assert.Throws<InvalidOperationException>(() => Train(new MokaGpus(1, 2)));
        Assert.Contains("fake:1 is the device that computes already: leave number 1 out", twice.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OneBatchAnUpdateIsNothingToShareOut()
    {
        using var replaced = BackendProvider.Replace(new FakeProvider(1, 2));
        Assert.Contains("GradientAccumulation is 1", Assert.Single(Train(new MokaGpus(2), batches: 1).Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void ACancelledRunLeavesNoThreadAndNoBackbone()
    {
        using var replaced = BackendProvider.Replace(new FakeProvider(1, 2));
        using var cancellation = new CancellationTokenSource();
        var shares = SharedBackbone.Shares.Count;
        Assert.ThrowsAny<OperationCanceledException>(() => Train(new MokaGpus(2), after: cancellation.Cancel, token: cancellation.Token));
        Assert.Equal(shares, SharedBackbone.Shares.Count);
    }

    [Theory]
    [InlineData]
    [InlineData(0, 1, 0)]
    [InlineData(-1)]
    public void NumbersAreCheckedAtOnce(params int[] numbers) => Assert.Throws<ArgumentException>(() => new MokaGpus(numbers));

    private (List<double> Losses, IReadOnlyList<float[]> Scores, List<string> Warnings) Train(
        WorkerPool? workers, int batches = 3, Action? after = null, CancellationToken token = default)
    {
        var context = new MLContext(seed: 1) { GpuDeviceId = 1 };
        var warnings = new List<string>();
        context.Log += (_, e) =>
        {
            if (e.Kind == Runtime.ChannelMessageKind.Warning
                && (e.RawMessage.Contains("GPU ", StringComparison.Ordinal) || e.RawMessage.Contains("Workers", StringComparison.Ordinal)))
                warnings.Add(e.RawMessage);
        };
        var options = tuned.Options;
        options.Adapter = new MokaAdapter { Dropout = 0.1f };
        (options.NumberOfSteps, options.BatchRows, options.GradientAccumulation) = (4, 3, batches);
        (options.Workers, options.CancellationToken) = (workers, token);
        var losses = new List<double>();
        options.Progress = progress =>
        {
            losses.Add(progress.Loss);
            after?.Invoke();
        };
        using var model = tuned.Pipeline(context, options).Fit(tuned.Train);
        return (losses, TunedModel.Scores(model.Transform(context.Data.TakeRows(tuned.Train, 5))), warnings);
    }
}
