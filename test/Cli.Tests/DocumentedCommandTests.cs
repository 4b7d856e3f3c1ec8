using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using EverydayWorld;

namespace Microsoft.ML.Moka.Cli.Tests;

/// <summary>Commands that are run as they stand need a working folder, which is the whole process': nothing runs beside them.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

/// <summary>What help texts, pages and the tool itself print to be typed or copied works as it is printed.</summary>
[Collection(nameof(Alone))]
public sealed partial class DocumentedCommandTests : IDisposable
{
    private readonly string _before = Directory.GetCurrentDirectory();
    private readonly TemporaryFolder _folder = new();

    public DocumentedCommandTests() => Directory.SetCurrentDirectory(_folder.Path);

    public void Dispose()
    {
        Directory.SetCurrentDirectory(_before);
        _folder.Dispose();
    }

    [Fact]
    public void Every_command_of_the_help_and_the_pages_runs()
    {
        WriteFiles();
        var commands = Documented().Distinct().Where(command => !Placeholder().IsMatch(command) && !command.Contains("moka pull", StringComparison.Ordinal))
            .OrderBy(Rank).ToList();
        Assert.True(commands.Count > 25, string.Join('\n', commands));

        foreach (var command in commands)
        {
            var run = Run(command);
            Assert.True(run.ExitCode == 0, $"{command}\nexit code {run.ExitCode}\n{run.Out}\n{run.Error}");
            // Models that a page has from elsewhere.
            foreach (var (made, named) in ((string, string)[])[("tickets.zip", "tuned.zip"), ("tickets.zip", "moka.zip")])
            {
                if (File.Exists(made) && !File.Exists(named))
                    File.Copy(made, named);
            }
        }
    }

    [Fact]
    public void The_lines_that_scaffold_prints_train_and_ask()
    {
        WriteFiles();
        var lines = Run("moka scaffold tickets.csv --label label --name TicketModel --output MyApp").Succeeded().Out.Split('\n')
            .Where(line => line.StartsWith("    ", StringComparison.Ordinal)).ToList();
        Assert.Equal(3, lines.Count);
        var code = new CompiledScaffold(_folder.File("MyApp"), "TicketModel", string.Join('\n', lines));
        var console = Console.Out;
        using var written = new StringWriter();
        try
        {
            File.Delete(code.ModelPath);
            Console.SetOut(written);
            code.Program!.Invoke(null, BindingFlags.DoNotWrapExceptions, null, code.Program.GetParameters().Length == 0 ? [] : [Array.Empty<string>()], null);
        }
        finally
        {
            Console.SetOut(console);
            File.Delete(code.ModelPath);
        }

        Assert.Contains(written.ToString().Trim(), (string[])["wood", "glass"]);
    }

    /// <summary>What others need comes first.</summary>
    private static int Rank(string command) =>
        Array.FindIndex(["moka train", "moka export", "moka quantize", ""], start => command.StartsWith(start, StringComparison.Ordinal));

    private static Run Run(string command)
    {
        var input = "";
        if (Echo().Match(command) is { Success: true } echo)
            (input, command) = (echo.Groups[1].Value, echo.Groups[2].Value);
        return Tool.Run(input, [.. Argument().Matches(command).Select(match => match.Value.Replace("\"", "", StringComparison.Ordinal)).Skip(1)]);
    }

    private static IEnumerable<string> Documented()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "Moka.sln")))
            root = root.Parent!;
        string[] pages = [.. Directory.GetFiles(Path.Combine(root.FullName, "docs"), "*.md"), Path.Combine(root.FullName, "README.md"),
            Path.Combine(root.FullName, "src", "Microsoft.ML.Moka.Cli", "README.md")];
        foreach (var match in pages.SelectMany(page => InPage().Matches(File.ReadAllText(page))))
            yield return (match.Groups[1].Success ? match.Groups[1] : match.Groups[2]).Value.Split("  ")[0].Trim();
        string[] verbs = ["", "pull", "train", "evaluate", "generate", "quantize", "merge", "export", "inspect", "tokenize", "design", "doctor", "scaffold"];
        foreach (var verb in verbs)
        {
            foreach (var line in Tool.Run([.. verb.Length > 0 ? [verb] : (string[])[], "--help"]).Out.Split('\n').Select(line => line.Trim()))
            {
                if (line.StartsWith("moka ", StringComparison.Ordinal) && !line.Contains('[') && !line.Contains('<'))
                    yield return line;
                else if (line.StartsWith("echo ", StringComparison.Ordinal))
                    yield return line;
            }
        }
    }

    // The files and folders that the pages name, small ones.
    private static void WriteFiles()
    {
        var rows = string.Concat(Enumerable.Range(0, 12).Select(i =>
            $"The {(i % 2 == 0 ? "spoon" : "bowl")} number {i} is broken.,{(i % 2 == 0 ? "wood" : "glass")}\n"));
        foreach (var name in (string[])["tickets.csv", "held-out.csv"])
            File.WriteAllText(name, $"text,label\n{rows}");
        File.WriteAllText("alpaca.json", JsonSerializer.Serialize(
            Enumerable.Range(0, 4).Select(i => new { instruction = $"Say {i}.", input = "", output = $"{i}" })));
        File.WriteAllText("chats.jsonl", string.Concat(Enumerable.Range(0, 4).Select(i => JsonSerializer.Serialize(
            new { messages = new[] { new { role = "user", content = $"Say {i}." }, new { role = "assistant", content = $"{i}" } } }) + "\n")));
        foreach (var folder in (string[])["benchmarks/boolq", "dataset/boolq"])
        {
            Directory.CreateDirectory(folder);
            File.WriteAllText($"{folder}/test.json", JsonSerializer.Serialize(
                new BenchmarkQuestions(new World(), Part.Test).Rows(BenchmarkForm.BoolQ, 4, 1)
                    .Select(row => new { instruction = row.Instruction, input = "", output = row.Output, answer = row.Answer })));
        }
        Tool.Run("quantize", "--output", "Llama-2-7b-hf").Succeeded();
        // It splits words as GPT-2 does, for llama.cpp has no name for how the embedded one does.
        var tokenizer = JsonNode.Parse(File.ReadAllText("Llama-2-7b-hf/tokenizer.json"))!;
        tokenizer["pre_tokenizer"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true, ["use_regex"] = true };
        File.WriteAllText("Llama-2-7b-hf/tokenizer.json", tokenizer.ToJsonString());
        foreach (var name in (string[])["Llama-2-7b-chat-hf", "Llama-3.2-1B-Instruct", "HuggingFaceTB/SmolLM2-135M-Instruct"])
        {
            Directory.CreateDirectory(name);
            foreach (var file in Directory.GetFiles("Llama-2-7b-hf"))
                File.Copy(file, Path.Combine(name, Path.GetFileName(file)));
            File.WriteAllText(Path.Combine(name, "chat_template.jinja"), "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: ");
        }
        File.Copy("Llama-2-7b-hf/config.json", "config.json");
    }

    /// <summary>A command in a line of a block of code, or inline.</summary>
    [GeneratedRegex("^(moka [a-z]+ [^\n]*)|`(moka [a-z]+ [^`\n]+)`", RegexOptions.Multiline)]
    private static partial Regex InPage();

    [GeneratedRegex("[A-Z]{4,}|…|VERB| -h| --help")]
    private static partial Regex Placeholder();

    [GeneratedRegex("^echo \"([^\"]*)\" \\| (.*)$")]
    private static partial Regex Echo();

    [GeneratedRegex("\"[^\"]*\"|[^ ]+")]
    private static partial Regex Argument();
}
