using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tests.Tensors;

namespace Microsoft.ML.Moka.Tests.Interop;

/// <summary>No test outside the collection sets GpuDeviceId, and without it no provider is asked: the replacement disturbs nobody.</summary>
[Collection(FakeProvider.Collection)]
public sealed class DeviceSelectionTests(TunedModel tuned)
{
    [Fact]
    public void TheLogSaysOnceWhatRunsAndWhy()
    {
        var context = Listening(out var lines);
        tuned.Pipeline(context, tuned.FewSteps).Fit(tuned.Train).Dispose();
        Assert.Equal("Running on cpu: MLContext.GpuDeviceId is not set.", Assert.Single(lines));
    }

    [Fact]
    public void AGpuTunesScoresAndLoadsOnABackboneOfItsOwn()
    {
        using var folder = new TemporaryFolder();
        var provider = new FakeProvider();
        using var replaced = BackendProvider.Replace(provider);
        var options = tuned.FewSteps;
        options.BackbonePath = TinyBackbone.Write(folder.File("gpu"), seed: 21);
        var key = $"{SharedBackbone.FingerprintOf(new FolderFiles(options.BackbonePath))} NF4 ";
        var context = Listening(out var lines);
        context.GpuDeviceId = 1;

        using var onCpu = tuned.Pipeline(new MLContext(seed: 1), options).Fit(tuned.Train);
        using var onGpu = tuned.Pipeline(context, options).Fit(tuned.Train);

        Assert.Equal("Running on fake:1: MLContext.GpuDeviceId is 1.", Assert.Single(lines));
        Assert.Equal((1, 1, 1), (provider.Created, SharedBackbone.Shares[key + "cpu"], SharedBackbone.Shares[key + "fake:1"]));
        Assert.Equal(TunedModel.Scores(onCpu.Transform(tuned.Train)), TunedModel.Scores(onGpu.Transform(tuned.Train)));

        context.Model.Save(onGpu, tuned.Train.Schema, folder.File("model.zip"));
        var loaded = context.Model.Load(folder.File("model.zip"), out _);
        Assert.Equal((1, 2), (provider.Created, SharedBackbone.Shares[key + "fake:1"]));
        Assert.Equal(2, lines.Count);
        ((IDisposable)loaded).Dispose();
    }

    [Fact]
    public void AMissingGpuIsSaidBeforeAnythingIsRead()
    {
        using var replaced = BackendProvider.Replace(new FakeProvider());
        using var empty = new TemporaryFolder();
        var options = tuned.FewSteps;
        options.BackbonePath = Path.GetDirectoryName(empty.File("config.json"));
        var error = Assert.Throws<InvalidOperationException>(
            () => tuned.Pipeline(new MLContext { GpuDeviceId = 0 }, options).Fit(tuned.Train));
        Assert.Contains("buy one", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheCpuTakesItsPlaceWhereThatIsAllowed()
    {
        using var replaced = BackendProvider.Replace(new FakeProvider());
        var context = Listening(out var lines);
        (context.GpuDeviceId, context.FallbackToCpu) = (0, true);
        tuned.Pipeline(context, tuned.FewSteps).Fit(tuned.Train).Dispose();
        Assert.Equal(
            "Running on cpu: MLContext.GpuDeviceId is 0, but there is no GPU 0: buy one; MLContext.FallbackToCpu is true.", Assert.Single(lines));
    }

    [Theory]
    [InlineData(50_000_000, 0)]
    [InlineData(100_000, 1)]
    public void TheMemoryPlanIsComparedWithWhatTheDeviceHas(long free, int warnings)
    {
        using var replaced = BackendProvider.Replace(new FakeProvider { Free = free });
        var context = Listening(out var lines, "Training takes up to", "That may not fit");
        context.GpuDeviceId = 1;
        tuned.Pipeline(context, tuned.FewSteps).Fit(tuned.Train).Dispose();
        Assert.Contains($"of the {MemoryPlan.Size(free)} that fake:1 has free", lines[0], StringComparison.Ordinal);
        Assert.Equal(1 + warnings, lines.Count);
    }

    [Fact]
    public void OutOfMemoryNamesTheSettingsToChange()
    {
        using var folder = new TemporaryFolder();
        using var replaced = BackendProvider.Replace(new FakeProvider { Free = 0 });
        var options = tuned.FewSteps;
        options.BackbonePath = TinyBackbone.Write(folder.File("full"), seed: 22);
        var error = Assert.Throws<DeviceMemoryException>(() => tuned.Pipeline(new MLContext { GpuDeviceId = 1 }, options).Fit(tuned.Train));
        Assert.Equal("The GPU is full.", error.InnerException!.Message);
        Assert.Contains("fake:1 has no memory left", error.Message, StringComparison.Ordinal);
        Assert.Contains("BatchTokens, now 256", error.Message, StringComparison.Ordinal);
        Assert.Contains("GradientCheckpointing", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Quantization", error.Message, StringComparison.Ordinal);

        // What limits the batch is what is to be lowered.
        options.BatchRows = 2;
        options.BatchTokens = 100_000;
        error = Assert.Throws<DeviceMemoryException>(() => tuned.Pipeline(new MLContext { GpuDeviceId = 1 }, options).Fit(tuned.Train));
        Assert.Contains("BatchRows, now 2", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("BatchTokens", error.Message, StringComparison.Ordinal);
    }

    private static MLContext Listening(out List<string> lines, params string[] starts)
    {
        var context = new MLContext(seed: 1);
        var heard = lines = [];
        starts = starts.Length == 0 ? ["Running on"] : starts;
        context.Log += (_, e) =>
        {
            if (Array.Exists(starts, start => e.RawMessage.StartsWith(start, StringComparison.Ordinal)))
                heard.Add(e.RawMessage);
        };
        return context;
    }
}
