using System.Diagnostics;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Tensors.Cpu;

/// <summary>Loops that threads share, one by one and in bursts, and what becomes of the threads afterwards.</summary>
public sealed class WorkersTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void Every_chunk_is_done_once(int threads)
    {
        var workers = new Workers(threads);
        using (workers.Begin())
            for (var count = 0; count < 3000; count = count * 5 / 4 + 1)
            {
                var done = new int[count];
                workers.For(count, 1 + count / 50, (start, end) =>
                {
                    for (var i = start; i < end; i++)
                        Interlocked.Increment(ref done[i]);
                });
                Assert.All(done, times => Assert.Equal(1, times));
            }
    }

    [Fact]
    public void A_burst_belongs_to_its_thread_and_its_workers()
    {
        Workers workers = new(2), others = new(2);
        Assert.False(workers.InBurst);
        using (workers.Begin())
        {
            Assert.True(workers.InBurst);
            Assert.False(others.InBurst);
            // One in another is the same; one of other workers ends before.
            Assert.Null(workers.Begin());
            using (others.Begin())
                Assert.True(others.InBurst && !workers.InBurst);
            Assert.True(workers.InBurst);
            var thread = new Thread(() => Assert.False(workers.InBurst));
            thread.Start();
            thread.Join();
        }
        Assert.False(workers.InBurst);
    }

    [Fact]
    public void A_failure_in_a_burst_reaches_the_caller_and_the_next_loop_runs()
    {
        var workers = new Workers(3);
        using (workers.Begin())
        {
            Assert.Throws<InvalidOperationException>(() => workers.For(20, 1, (start, _) =>
            {
                if (start == 11)
                    throw new InvalidOperationException();
            }));
            var sum = 0;
            workers.For(20, 1, (start, _) => Interlocked.Add(ref sum, start));
            Assert.Equal(190, sum);
        }
    }

    [Fact]
    public void Callers_in_bursts_at_the_same_time_all_get_their_loops()
    {
        var workers = new Workers(4);
        Parallel.For(0, 6, _ =>
        {
            using var burst = workers.Begin();
            for (var round = 0; round < 300; round++)
            {
                var sum = 0;
                workers.For(64, 3, (start, end) => Interlocked.Add(ref sum, end - start));
                Assert.Equal(64, sum);
            }
        });
    }

    [Fact]
    public void Nobody_stays_awake_where_there_is_nothing_to_do()
    {
        var workers = new Workers(4);
        using (workers.Begin())
        {
            workers.For(100, 1, (_, _) => Thread.SpinWait(50));
            // The burst goes on, without loops: helpers go back to the pool by themselves.
            Await(() => workers.Helpers == 0);
            workers.For(100, 1, (_, _) => Thread.SpinWait(50));
        }
        Await(() => workers.Helpers == 0);
    }

    [Fact]
    public void TheAppMaySayHowManyThreadsThereAre()
    {
        Assert.Equal(Environment.ProcessorCount, Workers.ThreadsBy(null));
        Assert.Equal(3, Workers.ThreadsBy(3));
        Assert.Equal(12, Workers.ThreadsBy("12"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData("0")]
    [InlineData("many")]
    [InlineData("1.5")]
    [InlineData(2.0)]
    public void ASettingThatIsNoNumberOfThreadsIsNamed(object setting)
    {
        var error = Assert.Throws<InvalidOperationException>(() => Workers.ThreadsBy(setting));
        Assert.Contains("Microsoft.ML.Moka.Threads", error.Message, StringComparison.Ordinal);
    }

    private static void Await(Func<bool> condition)
    {
        var start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start).TotalSeconds < 30, "A helper is still awake.");
            Thread.Sleep(1);
        }
    }
}
