using System.Text.RegularExpressions;

namespace Microsoft.ML.Moka.Tests.Docs;

/// <summary>Commands of ./build.sh that pages tell readers to type: many take hours, or a GPU, but all that they name is there.</summary>
public sealed partial class BuildScriptTests
{
    private static readonly string Script = File.ReadAllText(Path.Combine(Repository.Root, "build.sh"));

    public static TheoryData<string> Commands => [.. MarkdownPage.Names.SelectMany(name => MarkdownPage.Open(name).CodeBlocks)
        .Where(block => block.Language == "").SelectMany(block => Command().Matches(block.Text)).Select(match => match.Value.Split("  ")[0].Trim()).Distinct()];

    [Theory]
    [MemberData(nameof(Commands))]
    public void A_command_names_what_there_is(string command)
    {
        var words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..];
        Assert.Matches($@"(?m)^  ([a-z|-]+\|)?{words[0]}(\|[a-z|-]+)?\) ", Script);
        var (folder, rest) = words[0] switch
        {
            "run" => (Path.Combine("samples", words[1]), words[2..]),
            "moka" => (Path.Combine("src", "Microsoft.ML.Moka.Cli"), words[1..]),
            "bench" => (Path.Combine("test", "Benchmarks"), words[1..]),
            _ => ("", []),
        };
        if (folder.Length == 0)
            return;
        Assert.True(Directory.Exists(Path.Combine(Repository.Root, folder)), $"{command}: there is no {folder}.");
        var source = string.Concat(Directory.GetFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText));
        Assert.All(rest.Where(word => word.StartsWith("--", StringComparison.Ordinal) && word != "--help"),
            option => Assert.True(source.Contains($"\"{option}\"", StringComparison.Ordinal), $"{command}: nothing in {folder} knows {option}."));
        if (words[0] == "bench")
            Assert.Contains($"\"{rest[0]}\"", source, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"\./build\.sh [^\n]*")]
    private static partial Regex Command();
}
