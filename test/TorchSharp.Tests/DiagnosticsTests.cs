using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.Moka.Torch;
using TorchSharp;

namespace Microsoft.ML.Moka.Tests;

/// <summary>What is found of native libraries, sound and other ones, and of GPUs.</summary>
public sealed class DiagnosticsTests
{
    private static readonly string[] Libraries = ["c10", "torch_cpu", "torch", "LibTorchSharp"];

    [Fact]
    public void ThisProcessIsHealthy()
    {
        var diagnostics = MokaDiagnostics.Run(new TorchProvider(), torch.cuda.is_available() ? 0 : null);
        Assert.True(diagnostics.IsHealthy, diagnostics.ToString());
        foreach (var library in Libraries)
            Assert.Contains(library, Find(diagnostics.Findings, library).Value, StringComparison.Ordinal);
        Assert.Contains(diagnostics.Findings, finding => finding is { Area: DiagnosticArea.Training, Name: "PyTorch's cpu, float32" });
        Assert.Equal(
            torch.cuda.is_available(), diagnostics.Findings.Any(finding => finding is { Area: DiagnosticArea.Training, Name: "cuda:0, bfloat16" }));
    }

    [Fact]
    public void AGpuThatIsNotThereFailsWhereItIsNeeded()
    {
        var findings = new TorchFindings(NativeFiles.OfProcess(), 1000).All().ToList();
        Assert.Equal(DiagnosticStatus.Failed, Find(findings, "cuda:1000").Status);
        Assert.NotNull(Find(findings, "cuda:1000").Remedy);
    }

    [Fact]
    public void LibrariesThatAreNotThereAreNamed()
    {
        using var folder = new TemporaryFolder();
        var findings = new NativeFiles([folder.Path]).Examine().ToList();
        Assert.Equal(Libraries, findings.Select(finding => finding.Name));
        Assert.All(findings, finding => Assert.Equal(DiagnosticStatus.Failed, finding.Status));
        Assert.Contains("add it to the app itself", Find(findings, "LibTorchSharp").Remedy, StringComparison.Ordinal);
        Assert.Contains("TorchSharp-cpu", Find(findings, "c10").Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void ALibraryThatIsCutOffOrNoneIsDamaged()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The loader of Linux is asked.");
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("libc10.so"), File.ReadAllBytes(PathOf("libc10.so"))[..40]);
        File.WriteAllText(folder.File("libtorch.so"), "a page that says: sign in to the proxy first, please, and then come back for the file");
        var findings = new NativeFiles([folder.Path]).Examine().ToList();
        Assert.Contains("damaged", Find(findings, "c10").Value, StringComparison.Ordinal);
        Assert.Contains("damaged", Find(findings, "torch").Value, StringComparison.Ordinal);
        Assert.Contains("restore again", Find(findings, "c10").Remedy, StringComparison.Ordinal);
    }

    /// <summary>As where PyTorch is that of a Python on the machine.</summary>
    [Fact]
    public void LibrariesAreFoundWhereTheSystemLooks()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The variable is that of Linux's loader.");
        const string Variable = "LD_LIBRARY_PATH";
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("libelsewhere.so.1"), "");
        var earlier = Environment.GetEnvironmentVariable(Variable);
        try
        {
            Environment.SetEnvironmentVariable(Variable, $"/nowhere:{folder.Path}");
            Assert.Equal(folder.File("libelsewhere.so.1"), NativeFiles.OfProcess().FindLike("libelsewhere"));
        }
        finally
        {
            Environment.SetEnvironmentVariable(Variable, earlier);
        }
    }

    /// <summary>A library that asks for a later libstdc++ than there is, as TorchSharp's does on Debian 12.</summary>
    [Fact]
    public void AnOldRuntimeIsNamedWithItsCure()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The loader of Linux is asked.");
        using var folder = new TemporaryFolder();
        var bytes = File.ReadAllBytes(PathOf("libc10.so"));
        // Every version from 3.4.20 on becomes one from 3.4.90 on.
        var needed = "GLIBCXX_3.4.2"u8;
        var places = 0;
        for (int at, from = 0; (at = bytes.AsSpan(from).IndexOf(needed)) >= 0; from += at + needed.Length, places++)
            bytes[from + at + needed.Length - 1] = (byte)'9';
        Assert.True(places > 0);
        File.WriteAllBytes(folder.File("libc10.so"), bytes);
        var finding = Find(new NativeFiles([folder.Path]).Examine(), "c10");
        Assert.Contains("GLIBCXX_3.4.9", finding.Value, StringComparison.Ordinal);
        Assert.Contains("is missing", finding.Value, StringComparison.Ordinal);
        Assert.Contains("LD_LIBRARY_PATH", finding.Remedy, StringComparison.Ordinal);
    }

    /// <summary>A library that loads and is not what TorchSharp calls: one of .NET's own.</summary>
    [Fact]
    public void ALibraryWithoutTheSymbolsIsOfAnotherVersion()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The library's name is Linux's.");
        using var folder = new TemporaryFolder();
        File.Copy(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "libSystem.Native.so"), folder.File("libLibTorchSharp.so"));
        var finding = Find(new NativeFiles([folder.Path]).Examine(), "LibTorchSharp");
        Assert.Equal(DiagnosticStatus.Failed, finding.Status);
        Assert.Contains("belongs to another version", finding.Value, StringComparison.Ordinal);
        Assert.Contains("THSTensor_", finding.Value, StringComparison.Ordinal);
        Assert.Contains("same version", finding.Remedy, StringComparison.Ordinal);
    }

    /// <summary>One symbol that another library had.</summary>
    [Fact]
    public void ASymbolThatALibraryLacksIsNamed()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The loader of Linux is asked.");
        using var folder = new TemporaryFolder();
        var bytes = File.ReadAllBytes(PathOf("libLibTorchSharp.so"));
        var name = Encoding.ASCII.GetBytes("\0THSTensor_addcmul_\0");
        var place = bytes.AsSpan().IndexOf(name);
        Assert.True(place > 0);
        bytes[place + 1] = (byte)'X';
        File.WriteAllBytes(folder.File("libLibTorchSharp.so"), bytes);
        var finding = Find(new NativeFiles([folder.Path]).Examine(), "LibTorchSharp");
        Assert.Contains("(THSTensor_addcmul_ is missing)", finding.Value, StringComparison.Ordinal);
    }

    private static string PathOf(string file)
    {
        using var process = System.Diagnostics.Process.GetCurrentProcess();
        return process.Modules.Cast<System.Diagnostics.ProcessModule>().First(module => Path.GetFileName(module.FileName) == file).FileName;
    }

    private static DiagnosticFinding Find(IEnumerable<DiagnosticFinding> findings, string name) => findings.First(finding => finding.Name == name);
}
