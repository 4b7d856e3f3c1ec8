using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Tests.Files;

/// <summary>What is written where a link, a folder or a device is named.</summary>
public sealed class WrittenPathTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_link_stays_and_what_it_leads_to_is_written(bool isThere)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need rights of their own there.");
        Directory.CreateDirectory(_folder.File("disk"));
        if (isThere)
            File.WriteAllText(_folder.File("disk/v1.zip"), "earlier");
        File.CreateSymbolicLink(_folder.File("disk/latest.zip"), "v1.zip");
        File.CreateSymbolicLink(_folder.File("current.zip"), _folder.File("disk/latest.zip"));

        AtomicFile.Write(_folder.File("current.zip"), stream => stream.WriteByte(7));

        Assert.Equal([7], File.ReadAllBytes(_folder.File("disk/v1.zip")));
        Assert.Equal("v1.zip", new FileInfo(_folder.File("disk/latest.zip")).LinkTarget);
        Assert.Equal(_folder.File("disk/latest.zip"), new FileInfo(_folder.File("current.zip")).LinkTarget);
        Assert.Equal(["current.zip", "disk"], Directory.GetFileSystemEntries(_folder.Path).Select(Path.GetFileName).Order());
        Assert.Equal(2, Directory.GetFileSystemEntries(_folder.File("disk")).Length);
    }

    [Theory]
    [InlineData("report")]
    [InlineData("report/")]
    public void A_linked_folder_stays_where_it_is(string name)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need rights of their own there.");
        Directory.CreateDirectory(_folder.File("disk/reports"));
        File.WriteAllText(_folder.File("disk/reports/a"), "earlier");
        Directory.CreateSymbolicLink(_folder.File("report"), _folder.File("disk/reports"));

        AtomicFolder.Write(_folder.File(name), file => file == "a", folder => File.WriteAllText(Path.Combine(folder, "a"), "new"));

        Assert.Equal("new", File.ReadAllText(_folder.File("disk/reports/a")));
        Assert.Equal(_folder.File("disk/reports"), new DirectoryInfo(_folder.File("report")).LinkTarget);
        Assert.Equal([_folder.File("disk/reports")], Directory.GetFileSystemEntries(_folder.File("disk")));
    }

    /// <summary>The device is none that there is: the test that fails harms nothing.</summary>
    [Theory]
    [InlineData("", "is a folder: name a file in it")]
    [InlineData("missing/", "is a folder: name a file in it")]
    [InlineData("/dev/moka-no-such-device", "is a device")]
    public void A_folder_and_a_device_are_refused_before_anything_is_made(string name, string problem)
    {
        var path = name.StartsWith('/') ? name : Path.Combine(_folder.Path, name);
        var made = false;

        var error = Assert.Throws<IOException>(() => AtomicFile.Write(path, _ => made = true));

        Assert.Contains($"'{path}' {problem}", error.Message, StringComparison.Ordinal);
        Assert.False(made);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_folder_that_takes_no_files_is_named_by_what_was_to_be_written()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "There is a folder there that takes files from nobody.");

        var error = Assert.Throws<IOException>(() => AtomicFile.Write("/proc/model.zip", stream => stream.WriteByte(1)));

        Assert.StartsWith("'/proc/model.zip' cannot be written: ", error.Message, StringComparison.Ordinal);
        Assert.Contains("Its folder has to take new files", error.Message, StringComparison.Ordinal);
    }
}
