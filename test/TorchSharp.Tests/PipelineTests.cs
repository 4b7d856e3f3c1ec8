using Microsoft.ML.Data;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Torch;
using Microsoft.ML.TorchSharp;
using Microsoft.ML.TorchSharp.NasBert;
using TorchSharp;

namespace Microsoft.ML.Moka.Tests;

/// <summary>ML.NET's pipeline in one process with TorchSharp. PyTorch's CPU device stands in for the GPU.</summary>
public sealed class PipelineTests
{
    [Fact]
    public void ThePackageIsFoundWithoutACall()
    {
        var problem = BackendProvider.Find(BackendProvider.Package).Problem(0);
        if (torch.cuda.is_available())
            Assert.Null(problem);
        else
            Assert.Contains("CUDA", problem, StringComparison.Ordinal);
        Assert.NotNull(BackendProvider.Find(BackendProvider.Package).Problem(1000));
    }

    [Fact]
    public void WithoutCudaFallbackToCpuDecides()
    {
        Assert.SkipWhen(torch.cuda.is_available(), "This machine has CUDA.");
        var error = Assert.Throws<InvalidOperationException>(() => Fit(new MLContext(seed: 1) { GpuDeviceId = 0 }, out _));
        Assert.Contains("TorchSharp-cuda-", error.Message, StringComparison.Ordinal);
        Fit(new MLContext(seed: 1) { GpuDeviceId = 0, FallbackToCpu = true }, out var line).Dispose();
        Assert.StartsWith("Running on cpu: MLContext.GpuDeviceId is 0, but PyTorch finds no CUDA device", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(MokaHead.Words)]
    [InlineData(MokaHead.LastToken)]
    [InlineData(MokaHead.Mean)]
    public void AModelIsTunedSavedLoadedAndScoresAsOnTheCpu(MokaHead head)
    {
        using var replaced = BackendProvider.Replace(new CpuDevice());
        using var folder = new TemporaryFolder();
        var context = new MLContext(seed: 1) { GpuDeviceId = 0 };
        // What earlier tests left to the collector must not go in between.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var tensors = torch.Tensor.TotalCount;
        using (var onCpu = Fit(new MLContext(seed: 1), out _, head))
        using (var model = Fit(context, out var line, head))
        {
            Assert.Equal("Running on torch cpu: MLContext.GpuDeviceId is 0.", line);
            var expected = Scores(onCpu.Transform(Rows(context)));
            var actual = Scores(model.Transform(Rows(context)));
            Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-3f));

            context.Model.Save(model, Rows(context).Schema, folder.File("model.zip"));
            var loaded = context.Model.Load(folder.File("model.zip"), out _);
            Assert.Equal(actual, Scores(loaded.Transform(Rows(context))));
            ((IDisposable)loaded).Dispose();

            var elsewhere = new MLContext().Model.Load(folder.File("model.zip"), out _);
            Assert.All(actual.Zip(Scores(elsewhere.Transform(Rows(context)))), pair => Assert.Equal(pair.First, pair.Second, 1e-3f));
            ((IDisposable)elsewhere).Dispose();
        }
        Assert.Equal(tensors, torch.Tensor.TotalCount);
    }

    /// <summary>
    /// ML.NET's own torch trainers bring another TorchSharp's wishes, SkiaSharp and loaders of their own; which version serves both: docs/gpu.md.
    /// </summary>
    [Fact]
    public void MokaTrainsWhereMlNetsTorchTrainersAreLoaded()
    {
        var context = new MLContext(seed: 1);
        var theirs = context.MulticlassClassification.Trainers.TextClassification(
            new TextClassificationTrainer.TextClassificationOptions { LabelColumnName = "Label", Sentence1ColumnName = "Text" });
        Assert.Equal("Microsoft.ML.TorchSharp", theirs.GetType().Assembly.GetName().Name);

        using var onCpu = Fit(context, out var line);
        Assert.StartsWith("Running on cpu", line, StringComparison.Ordinal);
        using var replaced = BackendProvider.Replace(new CpuDevice());
        using var onTorch = Fit(new MLContext(seed: 1) { GpuDeviceId = 0 }, out line);
        Assert.StartsWith("Running on torch cpu", line, StringComparison.Ordinal);
        Assert.All(Scores(onCpu.Transform(Rows(context))).Zip(Scores(onTorch.Transform(Rows(context)))), pair => Assert.Equal(pair.First, pair.Second, 1e-3f));
    }

    [Fact]
    public void SeveralGpusGiveTheBitsOfOne()
    {
        using var replaced = BackendProvider.Replace(new CpuDevice());
        var context = new MLContext(seed: 1) { GpuDeviceId = 0 };
        using var one = Fit(context, out _, batches: 3);
        using var three = Fit(context, out _, workers: new MokaGpus(1, 2) { TakesPart = false }, batches: 3);
        Assert.Equal(Scores(one.Transform(Rows(context))), Scores(three.Transform(Rows(context))));
    }

    [Fact]
    public void MemoryThatIsNotThereIsANamedError()
    {
        using var backend = new TorchBackend(torch.CPU, torch.ScalarType.Float32);
        var error = Assert.Throws<DeviceMemoryException>(() => backend.Zeros(TensorKind.Activation, int.MaxValue, 1 << 20));
        Assert.DoesNotContain('\n', error.Message);
        Assert.Equal(0, backend.LiveTensors);
    }

    /// <summary>An app that has a scope of its own open must not take the backend's tensors with it.</summary>
    [Fact]
    public void ScopesOfTheAppAreLeftAlone()
    {
        using var backend = new TorchBackend(torch.CPU, torch.ScalarType.Float32);
        Tensor sum;
        using (torch.NewDisposeScope())
        using (var a = backend.Upload(TensorKind.Activation, [1, 2], 1, 2))
            sum = backend.Add(a, a);
        var values = new float[2];
        backend.Download(sum, values);
        Assert.Equal([2f, 4f], values);
        sum.Dispose();
    }

    private static TransformerChain<MokaTransformer> Fit(
        MLContext context, out string line, MokaHead head = MokaHead.Words, WorkerPool? workers = null, int batches = 1)
    {
        var lines = new List<string>();
        context.Log += (_, e) =>
        {
            if (e.RawMessage.StartsWith("Running on", StringComparison.Ordinal))
                lines.Add(e.RawMessage);
        };
        var options = new MokaTrainer.Options
        {
            NumberOfSteps = 3,
            BatchTokens = 100,
            GradientAccumulation = batches,
            PromptTemplate = new PromptTemplate("{text} is"),
            Head = head,
            Workers = workers,
        };
        var model = context.Transforms.Conversion.MapValueToKey("Label").Append(context.MulticlassClassification.Trainers.Moka(options)).Fit(Rows(context));
        line = Assert.Single(lines);
        return model;
    }

    private static IDataView Rows(MLContext context) => context.Data.LoadFromEnumerable(
        Enumerable.Range(0, 20).Select(i => new Row { Text = $"number {i}", Label = i % 2 == 0 ? "even" : "odd" }));

    private static List<float> Scores(IDataView scored)
    {
        var column = scored.Schema["Score"];
        using var cursor = scored.GetRowCursor([column]);
        var getter = cursor.GetGetter<VBuffer<float>>(column);
        var scores = new List<float>();
        var value = default(VBuffer<float>);
        while (cursor.MoveNext())
        {
            getter(ref value);
            scores.AddRange(value.DenseValues());
        }
        return scores;
    }

    private sealed class Row
    {
        public string Text { get; set; } = "";

        public string Label { get; set; } = "";
    }

    private sealed class CpuDevice : BackendProvider
    {
        public override string DeviceName(int gpu) => gpu == 0 ? "torch cpu" : $"torch cpu {gpu}";

        public override string? Problem(int gpu) => null;

        public override Backend Create(int gpu) => CreateOnCpu();

        public override Backend CreateOnCpu() => new TorchProvider().CreateOnCpu();

        public override long? AvailableBytes(int gpu) => null;
    }
}
