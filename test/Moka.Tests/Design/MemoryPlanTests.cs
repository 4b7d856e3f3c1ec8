using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Counting;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Tests.Training;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Tests.Design;

public sealed class MemoryPlanTests(ITestOutputHelper output)
{
    private static readonly LlamaConfig Small = new()
    {
        HiddenSize = 256,
        IntermediateSize = 688,
        LayerCount = 4,
        QueryHeads = 8,
        KeyValueHeads = 4,
        HeadWidth = 32,
        VocabularySize = 2000,
    };

    private static readonly Dictionary<string, AdapterOptions> Adapters = new()
    {
        ["moka"] = new MokaAdapter(),
        ["moka, all maps, dropout"] = new MokaAdapter { TargetModules = ["*"], Dropout = 0.1f },
        ["lora"] = new LoraAdapter { TargetModules = ["*"] },
        ["dora"] = new DoraAdapter(),
        ["cdka"] = new CdkaAdapter(),
        ["full"] = new FullFineTuning(),
    };

    public static TheoryData<string, bool> Cases => [.. from name in Adapters.Keys from recompute in new[] { false, true } select (name, recompute)];

    /// <summary>
    /// The bound: the CPU backend's own peak is 0.97 to 1.15 times the plan, as its pool rounds blocks up and its kernels set some scratch aside.
    /// </summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void ThePlanIsWhatAStepTakesOnTheCpu(string name, bool recompute)
    {
        var options = new MokaTrainer.Options { Adapter = Adapters[name], BatchTokens = 512, MaximumTokens = 128, GradientCheckpointing = recompute };
        var plan = MemoryPlan.Count(Small, DenseFormat.Float32, options, options.Adapter, 128, MemoryTraits.Cpu);

        using var backend = new CpuBackend(threads: 2);
        using var backbone = LlamaBackbone.Frozen(backend, Small, new QuantizedWeights(Small));
        using var adapters = backbone.CreateAdapters(options.Adapter, seed: 1);
        var model = new TrainedModel(backbone, adapters);
        using var optimizer = new Optimizer(backend, model.Parameters, TinyRun.Plan);
        TrainingExample[] examples = [.. Enumerable.Range(0, 4).Select(i => new TrainingExample(Ids(129, i), 1))];
        model.AccumulateGradients(examples, 1, new ForwardOptions { Recompute = recompute, DropoutSeed = 1 });

        var planned = (double)plan.AdapterBytes + plan.OptimizerBytes + plan.ActivationBytes;
        output.WriteLine($"{name} {recompute}: planned {planned:N0}, measured {backend.PeakTensorBytes:N0}, ratio {backend.PeakTensorBytes / planned:0.000}; " +
            $"weights {plan.BackboneBytes:N0}, {backbone.ByteCount:N0}");
        Assert.InRange(backend.PeakTensorBytes / planned, 0.97, 1.15);
        Assert.InRange(plan.BackboneBytes / (double)backbone.ByteCount, 1, 1.03);
    }

    /// <summary>Where several batches make an update, their gradients are added up in tensors of their own.</summary>
    [Theory]
    [InlineData("moka")]
    [InlineData("full")]
    public void ThePlanHasTheSumOfTheGradients(string name)
    {
        var options = new MokaTrainer.Options { Adapter = Adapters[name], BatchTokens = 512, MaximumTokens = 128, GradientAccumulation = 2 };
        var plan = MemoryPlan.Count(Small, DenseFormat.Float32, options, options.Adapter, 128, MemoryTraits.Cpu);
        options.GradientAccumulation = 1;
        var ofOne = MemoryPlan.Count(Small, DenseFormat.Float32, options, options.Adapter, 128, MemoryTraits.Cpu);

        using var backend = new CpuBackend(threads: 2);
        using var backbone = LlamaBackbone.Frozen(backend, Small, new QuantizedWeights(Small));
        using var adapters = backbone.CreateAdapters(options.Adapter, seed: 1);
        var model = new TrainedModel(backbone, adapters);
        using var optimizer = new Optimizer(backend, model.Parameters, TinyRun.Plan);
        TrainingExample[] examples = [.. Enumerable.Range(0, 8).Select(i => new TrainingExample(Ids(129, i), 1))];
        using var sum = new LocalShareSum();
        StepShare[] shares = [.. Enumerable.Range(0, 2).Select(i => new StepShare(0, i, [.. Enumerable.Range(4 * i, 4)], 1, 1, GradientCheckpointing: false))];
        sum.Run(new StepShares(shares, model, optimizer, examples), CancellationToken.None);

        var planned = (double)plan.AdapterBytes + plan.OptimizerBytes + plan.ActivationBytes;
        output.WriteLine($"{name}: planned {planned:N0}, measured {backend.PeakTensorBytes:N0}");
        Assert.InRange(backend.PeakTensorBytes / planned, 0.97, 1.15);
        Assert.Equal(model.Parameters.Sum(parameter => parameter.Value.Length) * sizeof(float), plan.AdapterBytes - ofOne.AdapterBytes);
        Assert.Equal((ofOne.OptimizerBytes, ofOne.ActivationBytes), (plan.OptimizerBytes, plan.ActivationBytes));
    }

    [Theory]
    [InlineData(8192, null, 8192)]
    [InlineData(8192, 16, 2048)]
    [InlineData(1024, 16, 1024)]
    [InlineData(64, 16, 128)]
    [InlineData(int.MaxValue, 1, 128)]
    public void ABatchHasAsManyTokensAsItsRowsMayHave(int batchTokens, int? batchRows, int expected)
    {
        var options = new MokaTrainer.Options { BatchTokens = batchTokens, BatchRows = batchRows, MaximumTokens = 128 };
        Assert.Equal(expected, MemoryPlan.ForTraining(options).BatchTokens);
    }

    [Fact]
    public void TheEmbeddedBackbonesPlanNeedsNoOptions()
    {
        var plan = MemoryPlan.ForTraining(new MokaTrainer.Options());
        Assert.Equal(1024, plan.BatchTokens);
        Assert.InRange(plan.BackboneBytes, 500_000, 3_000_000);
        Assert.Contains("activations of 1,024 tokens", plan.ToString(), StringComparison.Ordinal);
    }

    /// <summary>LLaMA-2-7B and LLaMA-3-8B, whose table is in docs/gpu.md.</summary>
    [Theory]
    [InlineData("Llama-2-7b", 3.7e9, 4.1e9)]
    [InlineData("Llama-3-8b", 5.5e9, 6.0e9)]
    public void LargeBackbones(string name, double least, double most)
    {
        using var folder = new TemporaryFolder();
        var options = new MokaTrainer.Options { BackbonePath = folder.File("config.json"), MaximumTokens = 1024 };
        File.WriteAllBytes(options.BackbonePath, LlamaConfigFile.Write(Large[name]));
        var plans = new List<MemoryPlan>();
        foreach (var checkpointing in new[] { false, true })
        {
            foreach (var tokens in new[] { 1024, 2048, 4096, 8192 })
            {
                (options.BatchTokens, options.GradientCheckpointing) = (tokens, checkpointing);
                var plan = MemoryPlan.ForTraining(options, onGpu: true);
                plans.Add(plan);
                output.WriteLine($"{name}, {tokens} tokens{(checkpointing ? ", layers computed again" : "")}\n{plan}");
                Assert.InRange(plan.BackboneBytes, least, most);
                Assert.Equal(plan.BackboneBytes + plan.AdapterBytes + plan.OptimizerBytes + plan.ActivationBytes, plan.TotalBytes);
            }
        }
        // More tokens take more, at most in proportion; layers that are computed again take a small part; the CPU's float32 more, but less than twice as much.
        for (var i = 1; i < 4; i++)
            Assert.InRange((double)plans[i].ActivationBytes / plans[i - 1].ActivationBytes, 1.1, 2.01);
        Assert.All(plans.Take(4).Zip(plans.Skip(4)), pair => Assert.True(pair.Second.ActivationBytes < 0.5 * pair.First.ActivationBytes));
        Assert.InRange((double)MemoryPlan.ForTraining(options).ActivationBytes / plans[^1].ActivationBytes, 1.1, 2.1);
    }

    /// <summary>What a layer that is computed again expands is there until its way back has used it: at most the layer's linear maps in bfloat16.</summary>
    [Fact]
    public void ExpandedWeightsAreCountedWhereTheyAreKept()
    {
        using var folder = new TemporaryFolder();
        var config = Large["Llama-3-8b"];
        var options = new MokaTrainer.Options { BatchTokens = 256, MaximumTokens = 256 };
        var layer = 2L * config.LinearMaps.Sum(map => (long)map.Rows * map.Columns) / config.LayerCount;
        foreach (var quantization in new[] { BackboneQuantization.NF4, BackboneQuantization.None })
        {
            options.Quantization = quantization;
            // Floats that are stored as they are used are kept with filters alone: q, k, v and o, which are gone before memory is fullest.
            var (least, most) = quantization == BackboneQuantization.None ? (0, 2L * (2 * 4096 + 2 * 1024) * 4096) : (layer / 2, layer);
            options.GradientCheckpointing = true;
            Assert.InRange(Activations(true) - Activations(false), least, most);
            options.GradientCheckpointing = false;
            Assert.Equal(Activations(false), Activations(true));
        }

        long Activations(bool keeps) => MemoryPlan.Count(
            config, DenseFormat.BFloat16, options, options.Adapter, 256, MemoryTraits.Gpu with { KeepsWeights = keeps }).ActivationBytes;
    }

    private static Dictionary<string, LlamaConfig> Large { get; } = new()
    {
        ["Llama-2-7b"] = Small with
        {
            HiddenSize = 4096, IntermediateSize = 11008, LayerCount = 32, QueryHeads = 32, KeyValueHeads = 32, HeadWidth = 128, VocabularySize = 32000,
            MaxPositions = 4096,
        },
        ["Llama-3-8b"] = Small with
        {
            HiddenSize = 4096, IntermediateSize = 14336, LayerCount = 32, QueryHeads = 32, KeyValueHeads = 8, HeadWidth = 128, VocabularySize = 128256,
            MaxPositions = 8192,
        },
    };

    private sealed class QuantizedWeights(LlamaConfig config) : Moka.Backbones.RandomWeights(config, seed: 1)
    {
        public override StoredMatrix Matrix(string name, int rows, int columns, bool isLinearMap)
        {
            var dense = (DenseMatrix)base.Matrix(name, rows, columns, isLinearMap);
            return isLinearMap ? Quantizer.Quantize(dense, new(BackboneQuantization.NF4), name) : dense;
        }
    }

    private static int[] Ids(int count, int seed) => [.. Enumerable.Range(0, count).Select(i => (i * 7919 + seed * 104729) % Small.VocabularySize)];
}
