using Microsoft.ML.Moka.Jobs;
using Microsoft.ML.Moka.Work;

namespace Microsoft.ML.Moka.Tests.Work;

/// <summary>Workers that are threads of this process: what a worker is told is all that it has.</summary>
internal sealed class ThreadWorkers : WorkerPool
{
    private readonly int _count;

    public ThreadWorkers(int count) => (_count, TakesPart) = (count, false);

    /// <summary>Whether the first item that each worker takes is lost.</summary>
    public bool Fails { get; init; }

    /// <summary>How long each item takes at least, by the order in which they are taken.</summary>
    public Func<int, TimeSpan> Delay { get; init; } = _ => TimeSpan.Zero;

    public List<string> Warnings { get; } = [];

    /// <summary>Items that workers did.</summary>
    public int Done;

    internal override WorkerJob Open(JobDescription job, Action<string> warn) => new ThreadJob(job, this);

    private sealed class ThreadJob : WorkerJob
    {
        private readonly CancellationTokenSource _ending = new();
        private readonly Task[] _workers;
        private int _taken;

        public ThreadJob(JobDescription job, ThreadWorkers pool)
            : base(pool.TakesPart)
        {
            _workers = [.. Enumerable.Range(0, pool._count).Select(_ => Task.Run(() => Work(job, pool)))];
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

        private async Task Work(JobDescription job, ThreadWorkers pool)
        {
            using var task = JobKinds.Open(new MLContext(), job.Kind, JobKinds.Version, job.Files, _ending.Token);
            var fails = pool.Fails;
            while (true)
            {
                var taken = await Queue.TakeAsync(_ending.Token);
                await Task.Delay(pool.Delay(Interlocked.Increment(ref _taken) - 1), _ending.Token);
                if (fails)
                {
                    lock (pool.Warnings)
                        pool.Warnings.Add("an item was lost");
                    Queue.GiveBack(taken);
                    fails = false;
                    continue;
                }
                var result = task.Run(taken.Item.Content, taken.Shared, _ending.Token);
                Interlocked.Increment(ref pool.Done);
                taken.Round.Finish(taken.Item, result);
            }
        }
    }
}
