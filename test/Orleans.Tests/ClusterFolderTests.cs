using Microsoft.ML.Moka.Orleans.Membership;

namespace Microsoft.ML.Moka.Tests.Orleans;

/// <summary>The folder that a cluster of one machine is kept in is its user's alone.</summary>
public sealed class ClusterFolderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("moka-folder-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_folder_that_was_open_to_others_is_closed()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows has no modes.");
            return;
        }
        var folder = Path.Combine(_folder, "cluster");
        Directory.CreateDirectory(folder, (UnixFileMode)0b111_111_111);

        ClusterFolder.Claim(folder);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(folder));
        Assert.NotEqual(ClusterFolder.Of(null), Path.GetTempPath());
    }

    [Fact]
    public void A_link_to_somewhere_else_and_the_folder_of_another_user_are_refused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no modes.");
        var link = Path.Combine(_folder, "link");
        Directory.CreateSymbolicLink(link, Path.GetTempPath());
        Assert.Contains(link, Assert.Throws<InvalidOperationException>(() => ClusterFolder.Claim(link)).Message, StringComparison.Ordinal);

        // The root's, unless the test is run by it.
        if (Environment.UserName != "root")
            Assert.Contains("/usr", Assert.Throws<InvalidOperationException>(() => ClusterFolder.Claim("/usr")).Message, StringComparison.Ordinal);
    }
}
