using System.Text.RegularExpressions;

namespace Microsoft.ML.Moka.Tests.Layout;

/// <summary>Whatever the package writes goes through Files/Disk, where tests let every call fail.</summary>
public sealed partial class WritingTests
{
    // Locks are the system's; a temporary file, which has no name for long, keeps nothing; nor does memory that code runs in.
    private static readonly string[] Allowed =
        ["Files/Disk.cs", "Files/WriterLock.cs", "Checkpoints/Hub/HubLock.cs", "Models/TemporaryFile.cs", "Tensors/Cpu/Tiles/ExecutableMemory.cs"];

    [Fact]
    public void Nothing_is_written_beside_the_seam() => Assert.Empty(PackageSource.Files().SelectMany(file => Writing().Matches(file.Text)
        .Select(match => $"{file.Name}: {match.Value}").Where(use => !Array.Exists(Allowed, use.Contains))));

    [Theory]
    [InlineData("File.Move(a, b)")]
    [InlineData("System.IO.File.WriteAllText(path, text)")]
    [InlineData("new FileStream(path, FileMode.CreateNew)")]
    [InlineData("Directory.Delete(path, true)")]
    [InlineData("new StreamWriter(path)")]
    public void What_would_go_by_it_is_found(string code) => Assert.Matches(Writing(), code);

    [GeneratedRegex(@"\bFile\.(?:Move|Copy|Replace|Delete|Create\w*|WriteAll\w+|Append\w+|OpenWrite)\b|\bDirectory\.(?:Move|Delete|Create\w+)\b" +
        @"|FileMode\.(?:Create\w*|OpenOrCreate|Append|Truncate)|FileAccess\.(?:Read)?Write|new StreamWriter\((?:path|file)")]
    private static partial Regex Writing();
}
