using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Tests.Files;

public sealed class AtomicFolderTests : IDisposable
{
    private const string TargetVariable = "MOKA_TEST_TARGET";

    private readonly TemporaryFolder _folder = new();

    private string Target => _folder.File("target");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_is_replaced_as_a_whole()
    {
        Write("a", "first");
        Write("b", "second");

        Assert.Equal([Path.Combine(Target, "b")], Directory.GetFileSystemEntries(Target));
        Assert.Equal([Target], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Folders_on_the_way_are_made()
    {
        var target = _folder.File("on/the/way/target");

        AtomicFolder.Write(target, _ => true, folder => File.WriteAllText(Path.Combine(folder, "a"), "first"));

        Assert.Equal("first", File.ReadAllText(Path.Combine(target, "a")));
        Assert.Equal([target], Directory.GetFileSystemEntries(_folder.File("on/the/way")));
    }

    [Fact]
    public void A_failure_leaves_the_earlier_folder_and_nothing_else()
    {
        Write("a", "first");

        Assert.Throws<FormatException>(() => AtomicFolder.Write(Target, _ => true, folder =>
        {
            File.WriteAllText(Path.Combine(folder, "b"), "half");
            throw new FormatException();
        }));

        Assert.Equal("first", File.ReadAllText(Path.Combine(Target, "a")));
        Assert.Equal([Target], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void What_does_not_belong_is_not_lost()
    {
        Directory.CreateDirectory(Target);
        File.WriteAllText(Path.Combine(Target, "diary"), "mine");
        Assert.Contains("'diary'", Assert.Throws<IOException>(() => Write("a", "x")).Message, StringComparison.Ordinal);
        File.Delete(Path.Combine(Target, "diary"));
        Directory.CreateDirectory(Path.Combine(Target, "a"));
        Assert.Contains("'a'", Assert.Throws<IOException>(() => Write("a", "x")).Message, StringComparison.Ordinal);
        File.WriteAllText(_folder.File("file"), "");
        Assert.Throws<IOException>(() => AtomicFolder.Write(_folder.File("file"), _ => true, _ => { }));
        Assert.Throws<IOException>(() => AtomicFolder.Write("/", _ => true, _ => { }));
    }

    [Theory]
    [InlineData(".target.old", ".target.tmp")]
    [InlineData(".target.01234567.old", ".target.89abcdef.tmp")]
    public void What_a_kill_set_aside_is_found_by_readers_and_put_back_by_writers(string aside, string coming)
    {
        Write("a", "first");
        Directory.Move(Target, _folder.File(aside));
        Directory.CreateDirectory(_folder.File(coming));
        Assert.Equal(_folder.File(aside), AtomicFolder.Current(Target));
        Assert.Equal(2, Directory.GetFileSystemEntries(_folder.Path).Length);

        Assert.Throws<FormatException>(() => AtomicFolder.Write(Target, _ => true, _ => throw new FormatException()));

        Assert.Equal(Target, AtomicFolder.Current(Target));
        Assert.Equal("first", File.ReadAllText(Path.Combine(Target, "a")));
        Write("a", "second");
        Assert.Equal("second", File.ReadAllText(Path.Combine(Target, "a")));
        Assert.Equal([Target], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_kill_leaves_a_whole_folder()
    {
        var random = new Random(1);
        for (var round = 0; round < 2; round++)
        {
            using var process = FreshProcess.Start(typeof(AtomicFolderTests), nameof(Writes_until_it_is_killed), (TargetVariable, Target));
            while (!File.Exists(Path.Combine(Target, "b")))
                Assert.False(process.WaitForExit(20));
            Thread.Sleep(random.Next(60));
            process.Kill();
            process.WaitForExit();

            var whole = AtomicFolder.Current(Target);
            Assert.Equal(File.ReadAllText(Path.Combine(whole, "a")), File.ReadAllText(Path.Combine(whole, "b")));
            AtomicFolder.Write(Target, _ => true, _ => { });
        }
    }

    [Fact(Explicit = true)]
    public void Writes_until_it_is_killed()
    {
        for (var i = 0; ; i++)
        {
            AtomicFolder.Write(Environment.GetEnvironmentVariable(TargetVariable)!, _ => true, folder =>
            {
                foreach (var name in (string[])["a", "b"])
                    File.WriteAllText(Path.Combine(folder, name), $"{i}");
            });
        }
    }

    private void Write(string name, string content) =>
        AtomicFolder.Write(Target, file => file.Length == 1, folder => File.WriteAllText(Path.Combine(folder, name), content));
}
