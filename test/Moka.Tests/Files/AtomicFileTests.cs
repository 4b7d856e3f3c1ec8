using System.Text;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Tests.Files;

/// <summary>Two files that belong together, killed at every place where a process can be killed.</summary>
public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string[] Paths => [_folder.File("weights"), _folder.File("config")];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_killed_before_the_first_move_leaves_the_earlier_files()
    {
        Write("old");
        Put(".weights.tmp", "new");
        Put(".config.tmp", "ne");

        AtomicFile.Finish(Paths);

        Assert.Equal(["old", "old"], Read());
    }

    [Fact]
    public void What_was_killed_between_the_moves_is_finished_by_readers_and_by_writers()
    {
        Write("old");
        KillBetweenTheMoves();
        AtomicFile.Finish(Paths);
        Assert.Equal(["new", "new"], Read());

        Write("old");
        KillBetweenTheMoves();
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write([(Paths[0], _ => throw new InvalidOperationException()), (Paths[1], _ => { })]));
        Assert.Equal(["new", "new"], Read());

        void KillBetweenTheMoves()
        {
            Put("weights", "new");
            Put(".config.tmp", "new");
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_write_that_fails_after_a_kill_leaves_nothing_that_would_be_taken_for_complete(int failing)
    {
        Write("old");
        Put(".weights.tmp", "n");
        Put(".config.tmp", "n");

        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(
            [.. Paths.Select((path, i) =>
                (path, (Action<Stream>)(stream => { if (i == failing) throw new InvalidOperationException(); stream.WriteByte(0); })))]));
        AtomicFile.Finish(Paths);

        Assert.Equal(["old", "old"], Read());
        Assert.Equal(2, Directory.GetFileSystemEntries(_folder.Path).Length);
    }

    private void Write(string content) =>
        AtomicFile.Write([.. Paths.Select(path => (path, (Action<Stream>)(stream => stream.Write(Encoding.ASCII.GetBytes(content)))))]);

    private string[] Read() => [.. Paths.Select(File.ReadAllText)];

    private void Put(string name, string content) => File.WriteAllText(_folder.File(name), content);
}
