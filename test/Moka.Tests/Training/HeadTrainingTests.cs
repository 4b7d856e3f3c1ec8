using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Tests.Training;

/// <summary>A head over hidden states, trained with adapters on a tiny LLaMA.</summary>
public class HeadTrainingTests
{
    private const int Labels = 5;

    private static readonly TrainingPlan Plan =
        TinyRun.Plan with { NumberOfSteps = 9, GradientAccumulation = 2, HeadLearningRate = 0.05f, HeadWeightDecay = 0.1f };

    public static TheoryData<MokaHead, int, bool, bool> Heads
    {
        get
        {
            var heads = new TheoryData<MokaHead, int, bool, bool>();
            foreach (var pooling in (MokaHead[])[MokaHead.LastToken, MokaHead.Mean])
                foreach (var outputs in (int[])[1, 2, Labels])
                    foreach (var recompute in (bool[])[false, true])
                        heads.Add(pooling, outputs, recompute, false);
            heads.Add(MokaHead.LastToken, Labels, false, true);
            heads.Add(MokaHead.Mean, 1, true, true);
            return heads;
        }
    }

    /// <summary>The CPU's gradients of head and adapter against the reference's, which are those of finite differences.</summary>
    [Theory]
    [MemberData(nameof(Heads))]
    public void Gradients_are_those_of_double_precision(MokaHead pooling, int outputs, bool recompute, bool isMultiLabel)
    {
        using var reference = new ReferenceBackend();
        using var cpu = new CpuBackend(threads: 2);
        var rule = new ScoreHeadRule(pooling, outputs, TinyLlama.Config.HiddenSize) { IsMultiLabel = isMultiLabel };
        using var expected = new HeadRun(reference, rule);
        using var actual = new HeadRun(cpu, rule);
        var examples = isMultiLabel ? WithSets(Examples(6, outputs), outputs) : Examples(6, outputs);
        var options = new ForwardOptions { Recompute = recompute };

        var loss = expected.Model.AccumulateGradients(examples, 0.25f, options);
        Assert.Equal(loss, actual.Model.AccumulateGradients(examples, 0.25f, options), 1e-4);

        foreach (var (wanted, found) in expected.Parameters.Zip(actual.Parameters))
            Close.Check(TinyLlama.Download(reference, wanted.Gradient), TinyLlama.Download(cpu, found.Gradient), 2e-4, found.Name);
        foreach (var parameter in expected.Parameters.Where(p => p.IsHead || p.Name.Contains("layers.1", StringComparison.Ordinal)))
            CompareWithDifferences(parameter, 0.25, () => expected.ExactLoss(examples));
    }

    [Theory]
    [InlineData(MokaHead.LastToken)]
    [InlineData(MokaHead.Mean)]
    public void A_rows_outputs_do_not_depend_on_its_batch(MokaHead pooling)
    {
        using var cpu = new CpuBackend(threads: 2);
        using var run = new HeadRun(cpu, new ScoreHeadRule(pooling, 7, TinyLlama.Config.HiddenSize));
        int[][] prompts = [.. Enumerable.Range(0, 23).Select(i => TinyLlama.Ids(1 + i * 5 % 17, (ulong)i))];
        var together = new HeadScorer(run.Backbone, run.Adapters).Score(prompts);
        var inPieces = new HeadScorer(run.Backbone, run.Adapters, tokenBudget: 20).Score(prompts);
        for (var i = 0; i < prompts.Length; i++)
        {
            var alone = new HeadScorer(run.Backbone, run.Adapters).Score([prompts[i]])[0];
            Assert.Equal(7, alone.Distinct().Count());
            Assert.Equal(alone, together[i]);
            Assert.Equal(alone, inPieces[i]);
        }
    }

    [Theory]
    [InlineData(MokaHead.LastToken, Labels)]
    [InlineData(MokaHead.Mean, Labels)]
    [InlineData(MokaHead.LastToken, 1)]
    [InlineData(MokaHead.LastToken, Labels, true)]
    public void A_resumed_run_ends_bit_for_bit_where_an_uninterrupted_one_does(MokaHead pooling, int outputs, bool isMultiLabel = false)
    {
        using var folder = new TemporaryFolder();
        using var cpu = new CpuBackend(threads: 2);
        var rule = new ScoreHeadRule(pooling, outputs, TinyLlama.Config.HiddenSize) { IsMultiLabel = isMultiLabel };
        var (examples, validation) = (Examples(12, outputs), Examples(4, outputs, seed: 9));
        if (isMultiLabel)
            (examples, validation) = (WithSets(examples, outputs), WithSets(validation, outputs));
        var plan = Plan with { ValidationInterval = 2 };
        using var straight = new HeadRun(cpu, rule, zero: true);
        var expected = straight.Loop(plan).Train(examples, validation);
        TrainingResult? result = null;
        for (var lives = 0; result is null; lives++)
        {
            Assert.InRange(lives, 0, 3);
            using var run = new HeadRun(cpu, rule, zero: true);
            var steps = 0;
            try
            {
                result = run.Loop(plan, _ => ++steps, folder.File("run.safetensors")).Train(examples, validation);
                Assert.Equal(straight.Weights(), run.Weights());
            }
            catch (TimeoutException)
            {
            }
        }
        Assert.Equal(expected, result);
        Assert.Contains(straight.Adapters.Head!.Parameter.Name, straight.Parameters.Select(p => p.Name));
    }

    [Fact]
    public void A_checkpoint_of_other_labels_is_another_run()
    {
        using var folder = new TemporaryFolder();
        using var cpu = new CpuBackend(threads: 2);
        var rule = new ScoreHeadRule(MokaHead.LastToken, Labels, TinyLlama.Config.HiddenSize);
        var examples = Examples(6, Labels);
        TrainingExample[] relabelled = [.. examples.Skip(1).Prepend(new TrainingExample(examples[0].Ids, new HeadTarget(4 - examples[0].Label!.Value.Output)))];
        using (var run = new HeadRun(cpu, rule))
            run.Loop(Plan, checkpoint: folder.File("c")).Train(examples);
        foreach (var (plan, data) in (IEnumerable<(TrainingPlan, TrainingExample[])>)
            [(Plan, relabelled), (Plan with { HeadLearningRate = 0.01f }, examples), (Plan with { HeadWeightDecay = 0 }, examples)])
        {
            using var other = new HeadRun(cpu, rule);
            Assert.Throws<InvalidOperationException>(() => other.Loop(plan, checkpoint: folder.File("c")).Train(data));
        }
    }

    [Fact]
    public void The_head_has_a_rate_and_a_decay_of_its_own()
    {
        using var cpu = new CpuBackend(threads: 1);
        using var run = new HeadRun(cpu, new ScoreHeadRule(MokaHead.LastToken, 2, TinyLlama.Config.HiddenSize));
        var head = run.Adapters.Head!.Parameter;
        var before = TinyLlama.Download(cpu, head.Value);
        var adapter = run.Parameters.First(p => p.Decays && !p.IsHead);
        var adapterBefore = TinyLlama.Download(cpu, adapter.Value);
        using var optimizer = new Optimizer(
            cpu, [.. run.Parameters], Plan with { LearningRate = 0.5f, HeadLearningRate = 0.05f, HeadWeightDecay = 0.2f, WeightDecay = 0.01f });
        // Without gradients only the decay is left; the schedule is at half its height.
        optimizer.Update(0.25f, 1);
        Assert.Equal(before.Select(v => v * (1 - 0.025f * 0.2f)), TinyLlama.Download(cpu, head.Value), (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Equal(adapterBefore.Select(v => v * (1 - 0.25f * 0.01f)), TinyLlama.Download(cpu, adapter.Value), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void Examples_and_heads_that_do_not_belong_together_are_refused()
    {
        using var cpu = new CpuBackend(threads: 1);
        using var run = new HeadRun(cpu, new ScoreHeadRule(MokaHead.LastToken, 2, TinyLlama.Config.HiddenSize));
        foreach (var example in (TrainingExample[])[new([1, 2], 1), new([], new HeadTarget(0)), new([1], new HeadTarget(2)), new([1], new HeadTarget(-1)),
            new([1], new HeadTarget(0, float.NaN))])
            Assert.Throws<ArgumentException>(() => run.Loop(Plan).Train([example]));
        using var words = new TinyRun();
        Assert.Throws<ArgumentException>(() => words.Loop(TinyRun.Plan).Train([new([1, 2], new HeadTarget(0))]));
    }

    /// <summary>Sequences of different lengths, one of them a single token, whose label is a function of their tokens.</summary>
    private static TrainingExample[] Examples(int count, int outputs, ulong seed = 1) =>
    [
        .. Enumerable.Range(0, count).Select(i =>
        {
            var ids = TinyLlama.Ids(1 + i * 7 % 9, seed * 100 + (ulong)i);
            return new TrainingExample(ids, new HeadTarget(ids[0] % outputs, ids[0] % 7 / 3f - 1));
        }),
    ];

    /// <summary>The same sequences with sets of labels: none, one, several, all.</summary>
    private static TrainingExample[] WithSets(TrainingExample[] examples, int outputs) =>
    [
        .. examples.Select((example, i) =>
        {
            int[] applying = [.. Enumerable.Range(0, outputs).Where(o => (i + o * example.Ids[0]) % 3 < i % 4)];
            // Every other one has labels that count more or less than 1.
            return example.With(HeadTarget.Of(applying, i % 2 == 0 ? null : [.. applying.Select(o => 0.25f + o)]));
        }),
    ];

    [Fact]
    public void Sets_of_labels_tell_runs_apart_and_have_to_fit_the_head()
    {
        using var cpu = new CpuBackend(threads: 1);
        var example = new TrainingExample([1, 2], new HeadTarget(0));
        string[] hashes = [.. ((HeadTarget[])[new(0), HeadTarget.Of([]), HeadTarget.Of([0]), HeadTarget.Of([1]), HeadTarget.Of([0, 1]),
            HeadTarget.Of([0], [2]), HeadTarget.Of([0], [3]), HeadTarget.Of([0, 1], [2, 1]), HeadTarget.Of([0, 1], [1, 2])])
            .Select(target => TrainingCheckpoint.HashOf([example.With(target)], null))];
        Assert.Distinct(hashes);
        using var run = new HeadRun(cpu, new ScoreHeadRule(MokaHead.LastToken, 2, TinyLlama.Config.HiddenSize) { IsMultiLabel = true });
        foreach (var target in (HeadTarget[])[new(0), HeadTarget.Of([2]), HeadTarget.Of([1, 0]), HeadTarget.Of([1, 1]), HeadTarget.Of([-1]),
            HeadTarget.Of([0, 1], [2]), HeadTarget.Of([0], [0]), HeadTarget.Of([0], [float.NaN])])
            Assert.Throws<ArgumentException>(() => run.Loop(Plan).Train([example.With(target)]));
        using var one = new HeadRun(cpu, new ScoreHeadRule(MokaHead.LastToken, 2, TinyLlama.Config.HiddenSize));
        Assert.Throws<ArgumentException>(() => one.Loop(Plan).Train([example.With(HeadTarget.Of([0]))]));
    }

    /// <summary>Central differences of the loss in double precision; <paramref name="scale"/> is what the gradient was weighted with.</summary>
    private static void CompareWithDifferences(Parameter parameter, double scale, Func<double> loss)
    {
        const double step = 1e-5;
        var elements = ReferenceBackend.Values(parameter.Value);
        var gradient = ReferenceBackend.Values(parameter.Gradient);
        for (var i = 0; i < elements.Length; i += 1 + elements.Length / 40)
        {
            var original = elements[i];
            elements[i] = original + step;
            var above = loss();
            elements[i] = original - step;
            var below = loss();
            elements[i] = original;
            var difference = scale * (above - below) / (2 * step);
            // The reference hands out labels' errors as floats.
            Assert.True(
                Math.Abs(difference - gradient[i]) < 1e-5 * (1 + Math.Abs(difference)), $"{parameter.Name}: element {i} has {gradient[i]}, not {difference}.");
        }
    }

    private sealed class HeadRun : IDisposable
    {
        private readonly Backend _backend;

        public HeadRun(Backend backend, ScoreHeadRule rule, bool zero = false)
        {
            _backend = backend;
            Backbone = TinyLlama.Frozen(backend);
            var options = new MokaAdapter { TargetModules = ["q_proj", "v_proj", "down_proj"] }.WithHead(rule);
            Adapters = AdapterSet.Create(backend, options, Backbone.Config.LinearMaps, seed: 3);
            Model = new TrainedModel(Backbone, Adapters);
            foreach (var parameter in zero ? [] : Parameters)
            {
                var values = new float[parameter.Length];
                new SeededRandom(11, parameter.Name).FillNormal(values, 0.3f);
                parameter.Overwrite(backend, values);
            }
        }

        public LlamaBackbone Backbone { get; }

        public AdapterSet Adapters { get; }

        public TrainedModel Model { get; }

        public IEnumerable<Parameter> Parameters => Adapters.Parameters;

        public TrainingLoop Loop(TrainingPlan plan, Func<TrainingProgress, int>? steps = null, string? checkpoint = null) => new(Backbone, Adapters, plan)
        {
            Progress = progress =>
            {
                // The process "dies" at every fourth step.
                if (steps?.Invoke(progress) == 4)
                    throw new TimeoutException();
            },
            CheckpointPath = checkpoint,
            CheckpointInterval = TimeSpan.Zero,
        };

        public uint[] Weights() => [.. Parameters.SelectMany(p => TinyLlama.Download(_backend, p.Value)).Select(BitConverter.SingleToUInt32Bits)];

        /// <summary>The sum of the losses, written out in double precision from the pooled states.</summary>
        public double ExactLoss(IReadOnlyList<TrainingExample> examples)
        {
            var rule = Adapters.Head!.Rule;
            var weight = ReferenceBackend.Values(Adapters.Head.Parameter.Value);
            using var tape = new Tape(_backend, recording: false);
            var sum = 0.0;
            foreach (var example in examples)
            {
                var hidden = ReferenceBackend.Values(Backbone.Forward(tape, RaggedBatch.Of(example.Ids), Adapters).Value);
                var (width, count) = (rule.Columns, example.Ids.Length);
                var state = Enumerable.Range(0, width).Select(c => rule.Pooling == MokaHead.Mean
                    ? Enumerable.Range(0, count).Average(t => hidden[t * width + c])
                    : hidden[(count - 1) * width + c]).ToArray();
                var outputs = Enumerable.Range(0, rule.Outputs).Select(o => state.Select((s, c) => s * weight[o * width + c]).Sum()).ToArray();
                sum += example.Label!.Value.Applying is { } applying
                    ? outputs.Select((z, o) => applying.Contains(o)
                        ? (example.Label!.Value.Weights?[applying.ToList().IndexOf(o)] ?? 1) * Math.Log(1 + Math.Exp(-z))
                        : Math.Log(1 + Math.Exp(z))).Average()
                    : rule.Outputs == 1
                    ? Math.Pow(outputs[0] - example.Label!.Value.Value, 2)
                    : Math.Log(outputs.Sum(Math.Exp)) - outputs[example.Label!.Value.Output];
            }
            return sum;
        }

        public void Dispose()
        {
            Adapters.Dispose();
            Backbone.Dispose();
        }
    }
}
