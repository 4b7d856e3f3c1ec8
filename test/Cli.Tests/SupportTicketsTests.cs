using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using EverydayWorld;

namespace Microsoft.ML.Moka.Cli.Tests;

/// <summary>samples/SupportTickets is what the tool writes for its data, and learns what it says.</summary>
public sealed partial class SupportTicketsTests
{
    private static readonly string Sample = Path.Combine(Root(), "samples", "SupportTickets");

    [Fact]
    public void ItsDataIsDrawnByTheRepository()
    {
        var world = new World();

        Assert.Equal(RepairTickets.ToCsv(RepairTickets.About(world, Part.Training, 1, 3)), File.ReadAllText(Path.Combine(Sample, "tickets.csv")));
        Assert.Equal(RepairTickets.ToCsv(RepairTickets.About(world, Part.Test, 1, 2)), File.ReadAllText(Path.Combine(Sample, "tickets-test.csv")));
    }

    [Fact]
    public void ItsCodeIsWhatTheToolWrites()
    {
        using var folder = new TemporaryFolder();
        folder.Write("SupportTickets/tickets.csv", File.ReadAllText(Path.Combine(Sample, "tickets.csv")));
        Tool.Run("scaffold", folder.File("SupportTickets/tickets.csv"), "--label", "Workshop", "--name", "TicketModel", "--epochs", "10", "--output",
            folder.File("SupportTickets")).Succeeded();

        var written = Directory.GetFiles(folder.File("SupportTickets"), "TicketModel.*");
        Assert.Equal(4, written.Length);
        Assert.All(written, path => Assert.Equal(File.ReadAllText(path), File.ReadAllText(Path.Combine(Sample, Path.GetFileName(path)))));
    }

    [Fact]
    public void ItsReadmeCommandTrainsAModelThatIsBetterThanTheMostFrequentAnswer()
    {
        var configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        using var process = Process.Start(new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            ["exec", Path.Combine(Sample, "bin", configuration, "net10.0", "SupportTickets.dll")])
        {
            RedirectStandardOutput = true,
        })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();

        Assert.True(process.ExitCode == 0, output);
        var shares = Share().Matches(output).Select(match => double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)).ToList();
        Assert.Equal(20, shares[0]);
        Assert.True(shares[1] > 90, output);
        Assert.Contains("goes to the workshop for metal", output, StringComparison.Ordinal);
        Assert.Contains("./build.sh run SupportTickets", File.ReadAllText(Path.Combine(Sample, "README.md")), StringComparison.Ordinal);
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Moka.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("No folder above has Moka.sln: run the tests from where they were built.");
        return folder.FullName;
    }

    [GeneratedRegex(@"([0-9.]+) %")]
    private static partial Regex Share();
}
