using Microsoft.ML.Data;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Jobs;
using Microsoft.ML.Moka.Training;
using Microsoft.ML.Moka.Work;
using Microsoft.ML.Runtime;

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

        Assert.Equal(alone, Fit(head, new ThreadPool(workers: 2)));
    }

    [Fact]
    public void An_item_that_a_worker_lost_is_given_out_again()
    {
        var pool = new ThreadPool(workers: 1) { Fails = true };

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

    private static string Fit(MokaHead head, ThreadPool? pool)
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

    /// <summary>Workers that are threads.</summary>
    private sealed class ThreadPool : WorkerPool
    {
        private readonly int _workers;

        public ThreadPool(int workers) => (_workers, TakesPart) = (workers, false);

        public bool Fails { get; init; }

        public List<string> Warnings { get; } = [];

        internal override WorkerJob Open(JobDescription job, Action<string> warn) => new ThreadJob(job, _workers, TakesPart, Fails, warning =>
        {
            lock (Warnings)
                Warnings.Add(warning);
        });
    }

    private sealed class ThreadJob : WorkerJob
    {
        private readonly CancellationTokenSource _ending = new();
        private readonly Task[] _workers;

        public ThreadJob(JobDescription job, int workers, bool takesPart, bool fails, Action<string> warn)
            : base(takesPart)
        {
            var env = MlNetAccess.EnvironmentOf(new MLContext().MulticlassClassification.Trainers);
            _workers = [.. Enumerable.Range(0, workers).Select(_ => Task.Run(() => Work(env, job, fails, warn)))];
        }

        public override void Dispose()
        {
            _ending.Cancel();
            Task.WhenAll(_workers).ContinueWith(_ => { }, TaskScheduler.Default).Wait();
            _ending.Dispose();
            base.Dispose();
        }

        protected override void RequireWorkers()
        {
        }

        private async Task Work(IHostEnvironment env, JobDescription job, bool fails, Action<string> warn)
        {
            using var task = JobKinds.Open(env, job.Kind, job.Files, _ending.Token);
            while (true)
            {
                var taken = await Queue.TakeAsync(_ending.Token);
                if (fails)
                {
                    warn("an item was lost");
                    Queue.GiveBack(taken);
                    fails = false;
                    continue;
                }
                taken.Round.Finish(taken.Item, task.Run(taken.Item.Content, taken.Shared, _ending.Token));
            }
        }
    }
}
