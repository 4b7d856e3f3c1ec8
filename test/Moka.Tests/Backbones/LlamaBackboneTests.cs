using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Backbones;

public sealed class LlamaBackboneTests : IDisposable
{
    private readonly CpuBackend _backend = new(threads: 2);

    public void Dispose() => _backend.Dispose();

    [Fact]
    public void A_sequence_has_the_same_logits_alone_and_in_a_batch()
    {
        using var backbone = TinyLlama.Frozen(_backend);
        var (first, second) = (TinyLlama.Ids(9, 1), TinyLlama.Ids(5, 2));

        var together = TinyLlama.Logits(backbone, RaggedBatch.Of(first, second));

        Assert.Equal([.. TinyLlama.Logits(backbone, RaggedBatch.Of(first)), .. TinyLlama.Logits(backbone, RaggedBatch.Of(second))], together);
    }

    [Fact]
    public void Answers_that_share_a_prompt_equal_separate_sequences()
    {
        using var backbone = TinyLlama.Frozen(_backend);
        var (prompt, one, other) = (TinyLlama.Ids(7, 1), TinyLlama.Ids(4, 2), TinyLlama.Ids(3, 3));
        var batch = new RaggedBatch();
        var promptSpan = batch.Add(prompt);
        var oneSpan = batch.Continue(promptSpan, one);
        var tail = batch.Continue(oneSpan, TinyLlama.Ids(2, 4));
        var otherSpan = batch.Continue(promptSpan, other);

        var logits = TinyLlama.Logits(backbone, batch);

        AssertRows(logits, oneSpan.Rows, TinyLlama.Logits(backbone, RaggedBatch.Of([[.. prompt, .. one]])), 7);
        AssertRows(logits, tail.Rows, TinyLlama.Logits(backbone, RaggedBatch.Of([[.. prompt, .. one, .. TinyLlama.Ids(2, 4)]])), 11);
        AssertRows(logits, otherSpan.Rows, TinyLlama.Logits(backbone, RaggedBatch.Of([[.. prompt, .. other]])), 7);
    }

    [Fact]
    public void Wanted_rows_are_those_of_the_whole_pass()
    {
        using var backbone = TinyLlama.Frozen(_backend);
        var batch = new RaggedBatch();
        var prompt = batch.Add(TinyLlama.Ids(7, 1));
        batch.Continue(batch.Continue(prompt, TinyLlama.Ids(4, 2)), TinyLlama.Ids(2, 4));
        batch.Continue(prompt, TinyLlama.Ids(3, 3));
        batch.Add(TinyLlama.Ids(6, 5));
        int[][] choices =
            [[0], [6], [20, 21], [5, 6, 7, 8, 10], [9, 12, 13, 14, 15], [21, 3, 3, 8], [.. Enumerable.Range(0, 22)], [.. Enumerable.Range(0, 22).Reverse()]];
        var all = TinyLlama.Logits(backbone, batch);

        foreach (var rows in choices)
        {
            var actual = TinyLlama.Logits(backbone, batch, rows: rows);
            for (var i = 0; i < rows.Length; i++)
                AssertRows(actual, new RowRange(i, 1), all, rows[i]);
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => TinyLlama.Logits(backbone, batch, rows: [22]));
        Assert.Throws<ArgumentOutOfRangeException>(() => TinyLlama.Logits(backbone, batch, rows: []));
    }

    [Fact]
    public void Wanted_rows_give_the_gradients_of_the_whole_pass()
    {
        int[] ids = TinyLlama.Ids(12, 1);
        int[] rows = [4, 5, 6, 9, 6];
        var expected = Gradients(gatherAfterwards: true, recompute: false);

        foreach (var recompute in (bool[])[false, true])
        {
            foreach (var (e, a) in expected.Zip(Gradients(gatherAfterwards: false, recompute)))
                AssertClose(e, a);
        }

        float[][] Gradients(bool gatherAfterwards, bool recompute)
        {
            using var backbone = TinyLlama.Trainable(_backend);
            using var tape = new Tape(_backend, recording: true);
            var options = new ForwardOptions { Recompute = recompute };
            var hidden = gatherAfterwards
                ? tape.GatherRows(backbone.Forward(tape, RaggedBatch.Of(ids)), tape.Own(_backend.Upload(rows)).Value)
                : backbone.Forward(tape, RaggedBatch.Of(ids), options: options, rows: rows);
            using var targets = _backend.Upload(TinyLlama.Ids(rows.Length, 2));
            using var weights = _backend.Upload(TensorKind.Parameter, [1, 2, 3, 4, 5], rows.Length);
            using var losses = backbone.TokenLosses(tape, hidden, targets, weights);
            tape.Backward();
            return [.. backbone.Parameters.Select(parameter => TinyLlama.Download(_backend, parameter.Gradient))];
        }
    }

    [Fact]
    public void Decoding_with_a_cache_equals_the_full_forward_pass()
    {
        using var backbone = TinyLlama.Frozen(_backend);
        using var cache = new KeyValueCache(_backend, backbone.Config, capacity: 4);
        var options = new ForwardOptions { Cache = cache };
        var (first, second) = (TinyLlama.Ids(12, 1), TinyLlama.Ids(10, 2));

        var batch = cache.NextBatch();
        var firstSpan = batch.Add(first.AsSpan(0, 6));
        var secondSpan = batch.Add(second.AsSpan(0, 4));
        TinyLlama.Logits(backbone, batch, options: options);
        for (var step = 0; step < 6; step++)
        {
            batch = cache.NextBatch();
            firstSpan = batch.Continue(firstSpan, [first[6 + step]]);
            secondSpan = batch.Continue(secondSpan, [second[4 + step]]);
            var logits = TinyLlama.Logits(backbone, batch, options: options);

            AssertRows(logits, new RowRange(0, 1), TinyLlama.Logits(backbone, RaggedBatch.Of(first)), 6 + step);
            AssertRows(logits, new RowRange(1, 1), TinyLlama.Logits(backbone, RaggedBatch.Of(second)), 4 + step);
        }
    }

    [Fact]
    public void Recomputing_layers_gives_the_same_losses_and_gradients_bit_for_bit()
    {
        int[][] sequences = [TinyLlama.Ids(9, 1), TinyLlama.Ids(6, 2)];
        using var plain = TinyLlama.Trainable(_backend);
        using var recomputed = TinyLlama.Trainable(_backend);

        var losses = TinyLlama.Losses(plain, sequences);

        Assert.Equal(losses, TinyLlama.Losses(recomputed, sequences, options: new ForwardOptions { Recompute = true }));
        foreach (var (expected, actual) in plain.Parameters.Zip(recomputed.Parameters))
            Assert.Equal(TinyLlama.Download(_backend, expected.Gradient), TinyLlama.Download(_backend, actual.Gradient));
        Assert.All(plain.Parameters, parameter => Assert.Contains(TinyLlama.Download(_backend, parameter.Gradient), value => value != 0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Training_all_weights_learns_a_sequence_by_heart(bool tiedHead)
    {
        var config = TinyLlama.Config with { TiedHead = tiedHead };
        using var backbone = LlamaBackbone.Trainable(_backend, config, new RandomWeights(config, 1));
        var moments = backbone.Parameters.Select(p =>
            (_backend.Zeros(TensorKind.Parameter, p.Value.Rows, p.Value.Columns), _backend.Zeros(TensorKind.Parameter, p.Value.Rows, p.Value.Columns)))
                .ToList();
        int[][] sequences = [TinyLlama.Ids(12, 1)];
        var loss = 0f;
        for (var step = 1; step <= 40; step++)
        {
            loss = TinyLlama.Losses(backbone, sequences).Average();
            foreach (var (parameter, (first, second)) in backbone.Parameters.Zip(moments))
                _backend.AdamW(parameter.Value, parameter.Gradient, first, second, new AdamWStep(0.01f, 0.9f, 0.99f, 1e-8f, 0, 1, step));
        }

        Assert.InRange(loss, 0, 0.2f);
        foreach (var (first, second) in moments)
        {
            first.Dispose();
            second.Dispose();
        }
    }

    [Fact]
    public void A_frozen_and_a_trainable_backbone_of_the_same_weights_agree()
    {
        using var frozen = TinyLlama.Frozen(_backend);
        using var trainable = TinyLlama.Trainable(_backend);
        var batch = RaggedBatch.Of(TinyLlama.Ids(9, 1));

        AssertClose(TinyLlama.Logits(frozen, batch), TinyLlama.Logits(trainable, batch));
    }

    [Fact]
    public void Losses_and_gradients_do_not_depend_on_the_number_of_threads()
    {
        int[][] sequences = [TinyLlama.Ids(20, 1), TinyLlama.Ids(7, 2), TinyLlama.Ids(13, 3)];
        var expected = Step(1);

        Assert.All((int[])[2, 3, 7], threads => Assert.Equal(expected, Step(threads)));

        float[] Step(int threads)
        {
            using var backend = new CpuBackend(threads);
            using var backbone = TinyLlama.Trainable(backend);
            return [.. TinyLlama.Losses(backbone, sequences), .. backbone.Parameters.SelectMany(parameter => TinyLlama.Download(backend, parameter.Gradient))];
        }
    }

    [Fact]
    public void Threads_that_share_a_backbone_and_adapters_score_the_same()
    {
        using var backbone = TinyLlama.Frozen(_backend);
        using var adapters = AdapterSet.Create(_backend, new MokaAdapter { TargetModules = ["*"] }, backbone.Config.LinearMaps, 1);
        // Of growing length, so that rotary tables are made meanwhile.
        var batches = Enumerable.Range(1, 12).Select(i => RaggedBatch.Of(TinyLlama.Ids(5 * i, (ulong)i))).ToArray();
        var expected = batches.Select(batch => TinyLlama.Logits(backbone, batch, adapters)).ToArray();
        using var fresh = TinyLlama.Frozen(_backend);
        var actual = new float[batches.Length][];

        Parallel.For(0, batches.Length, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i => actual[i] = TinyLlama.Logits(fresh, batches[i], adapters));

        Assert.Equal(expected, actual);
    }

    [Fact]
    public void Wrong_uses_are_refused_in_words()
    {
        using var frozen = TinyLlama.Frozen(_backend);
        using var trainable = TinyLlama.Trainable(_backend);
        using var adapters = AdapterSet.Create(_backend, new LoraAdapter { Rank = 2 }, frozen.Config.LinearMaps, 1);

        Assert.Contains("vocabulary of 50", Assert.Throws<ArgumentException>(() => TinyLlama.Logits(frozen, RaggedBatch.Of([[3, 50]]))).Message);
        Assert.Contains("64 positions", Assert.Throws<ArgumentException>(() => TinyLlama.Logits(frozen, RaggedBatch.Of(TinyLlama.Ids(65, 1)))).Message);
        Assert.Contains("at least one token", Assert.Throws<ArgumentException>(() => TinyLlama.Logits(frozen, RaggedBatch.Of([[]]))).Message);
        Assert.Contains("no tokens", Assert.Throws<ArgumentException>(() => TinyLlama.Logits(frozen, new RaggedBatch())).Message);
        Assert.Contains("takes no adapters", Assert.Throws<ArgumentException>(() => TinyLlama.Logits(trainable, RaggedBatch.Of([[3]]), adapters)).Message);
    }

    [Fact]
    public void Loading_can_be_cancelled_and_reports_progress()
    {
        var reports = new List<double>();
        using var backbone = LlamaBackbone.Frozen(_backend, TinyLlama.Config, new RandomWeights(TinyLlama.Config, 1), new Recorder(reports));

        Assert.Equal([0.5, 1.0], reports);
        Assert.Throws<OperationCanceledException>(() =>
            LlamaBackbone.Frozen(_backend, TinyLlama.Config, new RandomWeights(TinyLlama.Config, 1), cancellation: new CancellationToken(true)));
    }

    private static void AssertRows(float[] actual, RowRange rows, float[] expected, int expectedStart)
    {
        var width = TinyLlama.Config.VocabularySize;
        AssertClose(
            expected[(expectedStart * width)..((expectedStart + rows.Length) * width)],
            actual[(rows.Start * width)..((rows.Start + rows.Length) * width)]);
    }

    private static void AssertClose(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        var scale = expected.Max(Math.Abs);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 2e-5f * scale);
    }

    private sealed class Recorder(List<double> reports) : IProgress<double>
    {
        public void Report(double value) => reports.Add(value);
    }
}
