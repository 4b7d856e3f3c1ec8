using System.Text.RegularExpressions;
using Microsoft.ML.Moka.Tests.Docs;

namespace Microsoft.ML.Moka.Tests.Packages;

/// <summary>
/// What the pages tell a newcomer to type is typed: by a shell, as it stands, in a folder that has nothing of the repository, with the packages and the
/// installed command.
/// </summary>
[Collection(nameof(PackedPackages))]
public sealed partial class NewcomerTests(PackedPackages packages, Newcomer newcomer) : IClassFixture<Newcomer>
{
    /// <summary>Front pages: of the repository, and of each package.</summary>
    public static TheoryData<string> FrontPages => ["README.md", .. Directory.GetDirectories(Path.Combine(Repository.Root, "src"))
        .Select(folder => $"src/{Path.GetFileName(folder)}/README.md").Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(FrontPages))]
    public void A_front_page_works_from_its_first_line_to_its_last(string name)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The commands are given to a shell.");
        newcomer.MoveIn(packages);
        var folder = packages.InFolder("front", name.Replace('/', '-'));
        var project = Path.Combine(folder, "project");
        newcomer.WriteFiles(folder);
        newcomer.WriteFiles(project);
        // Where a clone has the packages that it makes.
        Directory.CreateDirectory(Path.Combine(folder, "artifacts"));
        Directory.CreateSymbolicLink(Path.Combine(folder, "artifacts", "packages"), packages.Feed);
        // The project that the reader has.
        newcomer.Type(project, "dotnet new console");

        var steps = 0;
        foreach (var (language, text) in MarkdownPage.Open(name).CodeBlocks)
        {
            if (language == "csharp" && text.StartsWith("#:", StringComparison.Ordinal))
                File.WriteAllText(Path.Combine(folder, "app.cs"), text);
            else if (language == "csharp" && text.StartsWith("using ", StringComparison.Ordinal))
            {
                File.WriteAllText(Path.Combine(project, "Program.cs"), text);
                newcomer.Type(project, "dotnet run");
                // Another process, another program.
                newcomer.Type(project, "moka predict \"The spoon is broken.\" --model model.zip");
            }
            foreach (var command in language == "" ? Shell().Matches(text).Select(match => match.Value.Trim()) : [])
            {
                // PyTorch with CUDA's libraries: gigabytes.
                if (command.Contains("TorchSharp-cuda", StringComparison.Ordinal))
                    continue;
                var output = newcomer.Type(command.StartsWith("dotnet add", StringComparison.Ordinal) ? project : folder, command);
                if (command == "dotnet run app.cs")
                    Assert.Contains(Promised().Match(File.ReadAllText(MarkdownPage.Open(name).Path)).Groups[1].Value, output.Trim().Split('\n'));
                steps++;
            }
        }
        Assert.True(steps > 0, $"{name} tells nobody what to type.");
    }

    [Fact]
    public void Every_moka_command_of_the_pages_and_the_help_runs()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The commands are given to a shell.");
        newcomer.MoveIn(packages);
        var folder = packages.InFolder("commands");
        newcomer.WriteFiles(folder);
        // What is pulled comes from the hub, and a cluster has workers that go on: PullTests and ClusterTests have their own.
        var commands = InPages().Concat(InHelp(folder)).Distinct()
            .Where(command => !Placeholder().IsMatch(command) && !Elsewhere().IsMatch(command)).OrderBy(Rank).ToList();
        Assert.True(commands.Count > 30, string.Join('\n', commands));

        foreach (var command in commands)
        {
            newcomer.Type(folder, command);
            // Models that a page has from elsewhere.
            foreach (var named in (string[])["tuned.zip", "moka.zip"])
            {
                if (File.Exists(Path.Combine(folder, "tickets.zip")) && !File.Exists(Path.Combine(folder, named)))
                    File.Copy(Path.Combine(folder, "tickets.zip"), Path.Combine(folder, named));
            }
        }
    }

    /// <summary>What others need comes first.</summary>
    private static int Rank(string command) =>
        Array.FindIndex(["moka train", "moka export", "moka quantize", ""], start => command.StartsWith(start, StringComparison.Ordinal));

    private static IEnumerable<string> InPages() => MarkdownPage.Names
        .Where(name => name == "README.md" || (name.StartsWith("docs/", StringComparison.Ordinal) && name.Count(c => c == '/') == 1))
        .SelectMany(name => InPage().Matches(File.ReadAllText(MarkdownPage.Open(name).Path)))
        .Select(match => (match.Groups[1].Success ? match.Groups[1] : match.Groups[2]).Value.Trim());

    private IEnumerable<string> InHelp(string folder)
    {
        var help = newcomer.Type(folder, "moka --help");
        var verbs = Verb().Matches(help[help.IndexOf("Commands:", StringComparison.Ordinal)..]).Select(match => match.Groups[1].Value).ToList();
        Assert.True(verbs.Count > 10, help);
        return verbs.Select(verb => newcomer.Type(folder, $"moka {verb} --help")).Prepend(help).SelectMany(text => text.Split('\n')).Select(line => line.Trim())
            .Where(line => line.StartsWith("echo ", StringComparison.Ordinal)
                || (line.StartsWith("moka ", StringComparison.Ordinal) && !line.Contains('[') && !line.Contains('<')));
    }

    [GeneratedRegex("^(dotnet|moka) .*$", RegexOptions.Multiline)]
    private static partial Regex Shell();

    [GeneratedRegex("It prints `([^`]+)`")]
    private static partial Regex Promised();

    /// <summary>A command in a line of a block of code, or inline.</summary>
    [GeneratedRegex("^(moka [a-z]+ [^\n]*)|`(moka [a-z]+ [^`\n]+)`", RegexOptions.Multiline)]
    private static partial Regex InPage();

    [GeneratedRegex("^  ([a-z]+) ", RegexOptions.Multiline)]
    private static partial Regex Verb();

    [GeneratedRegex(@"moka (pull|worker|cluster)\b|--cluster")]
    private static partial Regex Elsewhere();

    [GeneratedRegex("[A-Z]{4,}|…|VERB| -h| --help")]
    private static partial Regex Placeholder();
}
