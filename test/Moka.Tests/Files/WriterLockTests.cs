using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Tests.Files;

public sealed class WriterLockTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Target => _folder.File("store");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void One_has_it_at_a_time_and_nothing_is_left()
    {
        using (Assert.IsType<WriterLock>(WriterLock.TryTake(Target)))
        {
            Assert.Null(WriterLock.TryTake(Target));
            using var other = Assert.IsType<WriterLock>(WriterLock.TryTake(_folder.File("other")));
            Assert.Contains("'" + Target + "'", Assert.Throws<IOException>(() => WriterLock.Take(Target, TimeSpan.Zero)).Message, StringComparison.Ordinal);
        }
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
        WriterLock.Take(Target, TimeSpan.Zero).Dispose();
    }

    [Fact]
    public void A_wait_can_be_cancelled()
    {
        using var taken = WriterLock.TryTake(Target);
        using var cancellation = new CancellationTokenSource(50);

        Assert.Throws<OperationCanceledException>(() => WriterLock.Take(Target, TimeSpan.FromHours(1), cancellation.Token));
    }

    [Fact]
    public void What_a_dead_process_has_left_is_taken()
    {
        File.WriteAllText(_folder.File(".store.lock"), "");

        WriterLock.Take(Target, TimeSpan.Zero).Dispose();

        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Threads_that_take_turns_never_have_it_together()
    {
        var (inside, most, turns) = (0, 0, 0);
        Parallel.For(0, 200, _ =>
        {
            using var taken = WriterLock.Take(Target, TimeSpan.FromMinutes(1));
            most = Math.Max(most, Interlocked.Increment(ref inside));
            turns++;
            Interlocked.Decrement(ref inside);
        });
        Assert.Equal((1, 200), (most, turns));
    }
}
