using System.Text.Json;
using System.Text.Json.Nodes;
using EverydayWorld;

namespace Microsoft.ML.Moka.Tests.Packages;

/// <summary>Somebody who has the .NET SDK, a feed with the packages, a shell, and files of the names that the pages use; nothing else.</summary>
public sealed class Newcomer
{
    private PackedPackages _packages = null!;

    private string Home => _packages.InFolder("home");

    /// <summary>Installs the command, as the pages say.</summary>
    public void MoveIn(PackedPackages packages)
    {
        if (_packages is not null)
            return;
        _packages = packages;
        // NuGet's sources are the machine's, in a home of the newcomer's own.
        var sources = Path.Combine(
            Environment.GetEnvironmentVariable("DOTNET_CLI_HOME") ?? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "NuGet",
            "NuGet.Config");
        if (File.Exists(sources))
        {
            Directory.CreateDirectory(Path.Combine(Home, ".nuget", "NuGet"));
            File.Copy(sources, Path.Combine(Home, ".nuget", "NuGet", "NuGet.Config"));
        }
        Type(packages.Root, "dotnet tool install --global Microsoft.ML.Moka.Cli");
    }

    /// <summary>Gives a line to the shell.</summary>
    /// <returns>All that it wrote.</returns>
    public string Type(string folder, string line)
    {
        var (exitCode, output) = Repository.Run(
            folder, "bash", "-c",
            $"""
            export DOTNET_CLI_HOME='{Home}' NUGET_PACKAGES='{PackedPackages.PackageFolder}' DOTNET_NOLOGO=1 DOTNET_GENERATE_ASPNET_CERTIFICATE=false
            export PATH="{Home}/.dotnet/tools:{Path.GetDirectoryName(Repository.DotnetPath)}:$PATH"
            exec </dev/null
            {line}
            """);
        // What is installed already is no failure: pages say it each for itself.
        Assert.True(exitCode == 0 || output.Contains("is already installed", StringComparison.Ordinal), $"{line}\nexit code {exitCode}\n{output}");
        return output;
    }

    /// <summary>Writes the files and folders that the pages name, small ones.</summary>
    public void WriteFiles(string folder)
    {
        Directory.CreateDirectory(folder);
        var tickets = Enumerable.Range(0, 12)
            .Select(i => (Text: $"The {(i % 2 == 0 ? "spoon" : "bowl")} number {i} is broken.", Label: i % 2 == 0 ? "wood" : "glass")).ToList();
        foreach (var name in (string[])["tickets.csv", "held-out.csv"])
            File.WriteAllLines(Path.Combine(folder, name), ["text,label", .. tickets.Select(ticket => $"{ticket.Text},{ticket.Label}")]);
        File.WriteAllLines(Path.Combine(folder, "new.csv"), ["text", .. tickets.Select(ticket => ticket.Text)]);
        File.WriteAllLines(Path.Combine(folder, "tickets.tsv"), ["Text\tLabel", .. tickets.Select(ticket => $"{ticket.Text}\t{ticket.Label}")]);
        File.WriteAllLines(
            Path.Combine(folder, "complaints.csv"),
            ["text,label", .. tickets.Select((ticket, i) => $"{ticket.Text},{(i % 3 == 0 ? "wood;glass" : ticket.Label)}")]);
        File.WriteAllLines(
            Path.Combine(folder, "homes.csv"),
            ["City,Price,Text,Verdict", .. tickets.Select((ticket, i) => $"Bern,{i},{ticket.Text},{(ticket.Label == "wood" ? "dear" : "cheap")}")]);
        File.WriteAllText(Path.Combine(folder, "alpaca.json"), JsonSerializer.Serialize(
            Enumerable.Range(0, 4).Select(i => new { instruction = $"Say {i}.", input = "", output = $"{i}" })));
        File.WriteAllLines(Path.Combine(folder, "chats.jsonl"), Enumerable.Range(0, 4).Select(i => JsonSerializer.Serialize(
            new { messages = new[] { new { role = "user", content = $"Say {i}." }, new { role = "assistant", content = $"{i}" } } })));
        foreach (var task in (string[])["benchmarks/boolq", "dataset/boolq"])
        {
            Directory.CreateDirectory(Path.Combine(folder, task));
            File.WriteAllText(Path.Combine(folder, task, "test.json"), JsonSerializer.Serialize(
                new BenchmarkQuestions(new World(), Part.Test).Rows(BenchmarkForm.BoolQ, 4, 1)
                    .Select(row => new { instruction = row.Instruction, input = "", output = row.Output, answer = row.Answer })));
        }
        WriteDataset(Path.Combine(folder, "imdb"), tickets);
        WriteBackbones(folder);
    }

    /// <summary>A folder as Hugging Face's hub has data sets.</summary>
    private static void WriteDataset(string folder, IReadOnlyList<(string Text, string Label)> rows)
    {
        var labels = rows.Select(row => row.Label).Distinct().ToList();
        Directory.CreateDirectory(Path.Combine(folder, "data"));
        foreach (var split in (string[])["train", "test"])
            File.WriteAllLines(
                Path.Combine(folder, "data", $"{split}.jsonl"),
                rows.Select(row => JsonSerializer.Serialize(new { text = row.Text, label = labels.IndexOf(row.Label) })));
        File.WriteAllText(Path.Combine(folder, "dataset_infos.json"), JsonSerializer.Serialize(
            new { plain_text = new { features = new { label = new { names = labels, _type = "ClassLabel" } } } }));
    }

    private void WriteBackbones(string folder)
    {
        var backbone = _packages.InFolder("Llama-2-7b-hf");
        if (!Directory.Exists(backbone))
        {
            Type(_packages.Root, "moka quantize --output Llama-2-7b-hf");
            // It splits words as GPT-2 does, for llama.cpp has no name for how the embedded one does.
            var tokenizer = JsonNode.Parse(File.ReadAllText(Path.Combine(backbone, "tokenizer.json")))!;
            tokenizer["pre_tokenizer"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true, ["use_regex"] = true };
            File.WriteAllText(Path.Combine(backbone, "tokenizer.json"), tokenizer.ToJsonString());
        }
        foreach (var name in (string[])["Llama-2-7b-hf", "Llama-2-7b-chat-hf", "Llama-3.2-1B-Instruct", "HuggingFaceTB/SmolLM2-135M-Instruct"])
        {
            var copy = Path.Combine(folder, name);
            Directory.CreateDirectory(copy);
            foreach (var file in Directory.GetFiles(backbone))
                File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
            if (name != "Llama-2-7b-hf")
                File.WriteAllText(Path.Combine(copy, "chat_template.jinja"), "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: ");
        }
        File.Copy(Path.Combine(backbone, "config.json"), Path.Combine(folder, "config.json"));
    }
}
