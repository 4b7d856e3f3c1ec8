using Microsoft.ML.Data;
using Microsoft.ML.Moka.Tests.Work;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Tests.Trainers;

/// <summary>Trainers whose batches are computed by workers, here threads of this process: what a worker is told is all that it needs.</summary>
public class WorkerJobTests
{
    [Theory]
    [InlineData(MokaHead.Words)]
    [InlineData(MokaHead.LastToken)]
    [InlineData(MokaHead.Mean)]
    public void A_classifier_has_the_bits_of_one_process(MokaHead head)
    {
        var alone = Fit(head, null);

        Assert.Equal(alone, Fit(head, new ThreadWorkers(count: 2)));
    }

    [Fact]
    public void An_item_that_a_worker_lost_is_given_out_again()
    {
        var pool = new ThreadWorkers(count: 1) { Fails = true };

        Assert.Equal(Fit(MokaHead.Words, null), Fit(MokaHead.Words, pool));
        Assert.Contains("an item was lost", pool.Warnings);
    }

    [Fact]
    public void Examples_of_all_kinds_arrive_as_they_were()
    {
        TrainingExample[] examples =
        [
            new([1, 2, 3], 1), new([1, 2, 3, 4, 5], [new TokenRange(1, 2), new TokenRange(3, 5)]) { Weight = 2.5f }, new([7], new HeadTarget(2)),
            new([7, 8], new HeadTarget(0, -0.5f)), new([9], HeadTarget.Of([])), new([9], HeadTarget.Of([1, 4])),
            new([9], HeadTarget.Of([1, 4], [2, 0.5f])),
        ];

        var arrived = ExampleBytes.Read(ExampleBytes.Write(examples));

        Assert.Equal(TrainingCheckpoint.HashOf(examples, null), TrainingCheckpoint.HashOf(arrived, null));
        for (var kind = 0; kind < examples.Length; kind++)
            Assert.Equal(TrainingCheckpoint.HashOf([examples[kind]], null), TrainingCheckpoint.HashOf([arrived[kind]], null));
    }

    [Theory]
    [InlineData(0x3F808000u, 0x3F80)]
    [InlineData(0x3F818000u, 0x3F82)]
    [InlineData(0x3F808001u, 0x3F81)]
    [InlineData(0xBF807FFFu, 0xBF80)]
    [InlineData(0x7F800001u, 0x7FC0)]
    [InlineData(0x80000000u, 0x8000)]
    public void Gradients_are_rounded_to_the_nearest_and_ties_to_the_even(uint bits, int expected)
    {
        var packed = GradientVector.Pack(0, [BitConverter.UInt32BitsToSingle(bits)], MokaExchange.BFloat16);

        Assert.Equal(expected, BitConverter.ToUInt16(packed, sizeof(double)));
    }

    private static string Fit(MokaHead head, ThreadWorkers? pool)
    {
        var context = new MLContext(seed: 1);
        var rows = context.Data.LoadFromEnumerable(Enumerable.Range(0, 16).Select(i => i % 2 == 0
            ? new Row { Text = $"the pot {i} broke", Label = "clay" }
            : new Row { Text = $"my coat {i} tore", Label = "cloth" }));
        using var model = context.MulticlassClassification.Trainers.Moka(new MokaTrainer.Options
        {
            Adapter = new LoraAdapter { Rank = 2, Dropout = 0.1f },
            BatchTokens = 128,
            GradientAccumulation = 3,
            Head = head,
            NumberOfSteps = 2,
            Workers = pool,
        }).Fit(rows);
        var scores = model.Transform(rows).GetColumn<float[]>("Score");
        return string.Join(' ', scores.SelectMany(score => score).Select(BitConverter.SingleToUInt32Bits));
    }

    private sealed class Row
    {
        public string Text { get; set; } = "";

        public string Label { get; set; } = "";
    }
}
