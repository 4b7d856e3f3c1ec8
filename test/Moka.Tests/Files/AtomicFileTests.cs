using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Tests.Files;

/// <summary>Several writers and what they leave; <see cref="EveryCallTests"/> has what happens when a disk fails.</summary>
public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Target => _folder.File("file");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Many_writers_leave_the_content_of_one_and_nothing_else()
    {
        Parallel.For(0, 40, i => AtomicFile.Write(Target, stream =>
        {
            stream.WriteByte((byte)i);
            Thread.Yield();
            stream.WriteByte((byte)i);
        }));

        var content = File.ReadAllBytes(Target);
        Assert.Equal(2, content.Length);
        Assert.Equal(content[0], content[1]);
        Assert.Equal([Target], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_folder_that_is_not_there_is_made()
    {
        var (one, two) = (_folder.File("a/b/one"), _folder.File("c/d/two"));

        AtomicFile.Write(one, stream => stream.WriteByte(1));
        AtomicFile.Write(two, stream => stream.WriteByte(2), _folder.File("c/d/beside"), [3]);

        Assert.Equal([1], File.ReadAllBytes(one));
        Assert.Equal([2], File.ReadAllBytes(two));
        Assert.Equal(4, Directory.GetFileSystemEntries(_folder.Path, "*", SearchOption.AllDirectories).Count(Directory.Exists));
    }

    [Fact]
    public async Task A_reader_beside_a_writer_sees_a_whole_file()
    {
        AtomicFile.Write(Target, stream => stream.Write(new byte[1000]));
        using var done = new CancellationTokenSource();
        var reads = 0;
        var reader = Task.Run(() =>
        {
            for (; !done.IsCancellationRequested; reads++)
            {
                using var content = FileContent.Open(Target);
                var bytes = content.Slice(0, (int)content.Length).Span;
                Assert.True(bytes.Length == 1000 + bytes[0], $"{bytes.Length} bytes that begin with {bytes[0]}");
                Assert.Equal(-1, bytes.IndexOfAnyExcept(bytes[0]));
            }
        });
        for (var i = 0; i < 200 || (reads < 20 && !reader.IsCompleted); i++)
        {
            var bytes = new byte[1000 + i % 100];
            bytes.AsSpan().Fill((byte)(i % 100));
            AtomicFile.Write(Target, stream => stream.Write(bytes));
        }
        done.Cancel();
        await reader;
    }

    [Fact]
    public void What_others_have_beside_it_stays()
    {
        string[] others = [".file.txt", ".file.0123456.tmp", ".file.b.0123abcd.tmp", "file.0123abcd.tmp", ".file.0123abcd.lock"];
        foreach (var name in (string[])[.. others, ".file.0123abcd.tmp", ".file.tmp", ".file.0123abcd.old"])
            File.WriteAllText(_folder.File(name), "");

        AtomicFile.Write(Target, stream => stream.WriteByte(0));

        Assert.Equal([.. others.Append("file").Order()], Directory.GetFileSystemEntries(_folder.Path).Select(Path.GetFileName).Order());
    }
}
