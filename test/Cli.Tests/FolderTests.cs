using System.IO.Compression;

namespace Microsoft.ML.Moka.Cli.Tests;

/// <summary>The verbs that write folders: quantize, merge, export; and those that look: inspect, design.</summary>
public sealed class FolderTests(Samples samples) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ABackboneIsQuantizedAndBack()
    {
        var full = Tool.Run("quantize", "--type", "none", "--output", _folder.File("full"), "--json").Succeeded().Json;
        var quantized = Tool.Run("quantize", _folder.File("full"), "--output", _folder.File("quantized"), "--type", "fp4", "--json").Succeeded().Json;

        Assert.Equal("fp4", quantized.GetProperty("weightFormat").GetString());
        Assert.Equal(full.GetProperty("weightBytes").GetInt64(), quantized.GetProperty("bytesBefore").GetInt64());
        Assert.True(quantized.GetProperty("weightBytes").GetInt64() < 0.6 * full.GetProperty("weightBytes").GetInt64());
        var inspected = Tool.Run("inspect", _folder.File("quantized")).Succeeded().Out;
        Assert.Contains("fp4", inspected, StringComparison.Ordinal);
        Assert.Contains("sha256:", inspected, StringComparison.Ordinal);
    }

    [Fact]
    public void AnExportedAdapterMergesToWhatItsModelMergesTo()
    {
        Tool.Run("export", samples.Classifier, "--output", _folder.File("adapter")).Succeeded();
        Tool.Run("merge", samples.Classifier, "--output", _folder.File("merged")).Succeeded();
        Tool.Run("merge", "--adapter-folder", _folder.File("adapter"), "--output", _folder.File("again")).Succeeded();

        Assert.Equal(File.ReadAllBytes(Path.Combine(_folder.File("merged"), "model.safetensors")),
            File.ReadAllBytes(Path.Combine(_folder.File("again"), "model.safetensors")));
        Assert.Equal(["adapter_config.json", "adapter_model.safetensors"], Directory.GetFiles(_folder.File("adapter")).Select(Path.GetFileName).Order());
        Tool.Run("generate", "The", "--backbone", _folder.File("merged"), "--max-tokens", "3").Succeeded();
    }

    [Fact]
    public void AMergedModelIsOneGgufFile()
    {
        // The embedded backbone's tokenizer is near one that llama.cpp has, and the nearest has to be asked for.
        Tool.Run("merge", samples.Classifier, "--gguf", "q8_0", "--output", _folder.File("model.gguf")).Failed("the nearest, 'stablelm2'");
        Assert.False(File.Exists(_folder.File("model.gguf")));

        var run = Tool.Run("merge", samples.Classifier, "--gguf", "q8_0", "--pre", "stablelm2", "--output", _folder.File("model.gguf")).Succeeded();

        Assert.Contains($"ollama create NAME -f {_folder.File("model.Modelfile")}", run.Out, StringComparison.Ordinal);
        Assert.StartsWith("FROM ./model.gguf\n", File.ReadAllText(_folder.File("model.Modelfile")), StringComparison.Ordinal);
        Tool.Run("generate", "The", "--backbone", _folder.File("model.gguf"), "--max-tokens", "3").Succeeded();
        Tool.Run("export", samples.Classifier, "--output", _folder.File("adapter")).Succeeded();
        var again = Tool.Run("merge", "--adapter-folder", _folder.File("adapter"), "--gguf", "q8_0", "--pre", "stablelm2", "--json",
            "--output", _folder.File("again.gguf")).Succeeded().Json;
        Assert.Equal(new FileInfo(_folder.File("model.gguf")).Length, again.GetProperty("bytes").GetInt64());
        // MoKA's gated products are no LoRA.
        Tool.Run("export", samples.Classifier, "--gguf", "--output", _folder.File("adapter.gguf")).Failed("moka merge --gguf");
        Tool.Run("merge", samples.Classifier, "--gguf", "f16", "--type", "nf4", "--output", _folder.File("x.gguf")).WasRefused("--type");
        Tool.Run("merge", samples.Classifier, "--pre", "gpt-2", "--output", _folder.File("x")).WasRefused("--gguf");
        Tool.Run("export", samples.Classifier, "--gguf", "--format", "lokr", "--output", _folder.File("x.gguf")).WasRefused("--format");
        var lora = Tool.Run("export", samples.Classifier, "--lora", "--rank", "4", "--json", "--output", _folder.File("lora")).Succeeded().Json;
        Assert.Equal(4, lora.GetProperty("rank").GetInt32());
        Assert.InRange(lora.GetProperty("relativeError").GetDouble(), 0, 1);
        Assert.True(File.Exists(Path.Combine(_folder.File("lora"), "adapter_config.json")));
        Assert.Contains(
            "LoRA of rank",
            Tool.Run("export", samples.Classifier, "--lora", "--energy", "0.5", "--output", _folder.File("energy")).Succeeded().Out, StringComparison.Ordinal);
        Tool.Run("export", samples.Classifier, "--rank", "4", "--output", _folder.File("x")).WasRefused("--lora");
        Tool.Run("export", samples.Classifier, "--lora", "--energy", "2", "--output", _folder.File("x")).WasRefused("--energy");
        Tool.Run("export", samples.Classifier, "--from", "llama2", "--output", _folder.File("x")).WasRefused("--gguf");
    }

    [Fact]
    public void AModelShowsWhatIsInIt()
    {
        var run = Tool.Run("inspect", samples.Classifier, "--svg", _folder.File("pictures")).Succeeded();

        Assert.All((string[])["answers", "wood", "fingerprint", "35,980 parameters", "eff. rank", "model.layers.6.self_attn.o_proj"], words =>
            Assert.Contains(words, run.Out, StringComparison.Ordinal));
        Assert.Equal(["gates.svg", "norms.svg", "ranks.svg"], Directory.GetFiles(_folder.File("pictures")).Select(Path.GetFileName).Order());
        Assert.Contains("at most 128 tokens", Tool.Run("inspect", samples.Generator, "--spectrum", "0").Succeeded().Out, StringComparison.Ordinal);
    }

    /// <summary>ML.NET has words of its own around what is wrong; the tool shows what is wrong.</summary>
    [Fact]
    public void AModelThatWasEditedIsToldByWhatWasEdited()
    {
        var path = _folder.File("edited.zip");
        File.Copy(samples.Classifier, path);
        using (var zip = ZipFile.Open(path, ZipArchiveMode.Update))
        {
            var entry = zip.Entries.Single(entry => entry.Name == "moka.json");
            string json;
            using (var reader = new StreamReader(entry.Open()))
                json = reader.ReadToEnd();
            var name = entry.FullName;
            entry.Delete();
            using var writer = new StreamWriter(zip.CreateEntry(name).Open());
            writer.Write(json.Replace("\"version\": 1", "\"version\": 77", StringComparison.Ordinal));
        }

        var run = Tool.Run("inspect", path);
        run.Failed(path, "cannot be loaded as a model. moka.json: the field 'version'", "found 77");

        Assert.DoesNotContain("class instantiation", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void AnAdapterFolderShowsWhatItsModelShows()
    {
        Tool.Run("export", samples.Classifier, "--output", _folder.File("adapter")).Succeeded();

        var model = Tool.Run("inspect", samples.Classifier, "--json").Succeeded().Json;
        var adapter = Tool.Run("inspect", _folder.File("adapter"), "--json").Succeeded().Json;

        Assert.Equal(model.GetProperty("maps").ToString(), adapter.GetProperty("maps").ToString());
        Assert.Equal(28, model.GetProperty("maps").GetArrayLength());
    }

    [Fact]
    public void ADesignIsATableOrJson()
    {
        Assert.Contains("35,980 trained parameters", Tool.Run("design").Succeeded().Out, StringComparison.Ordinal);
        var budget = Tool.Run("design", "--adapter", "cdka", "--targets", "q_proj", "v_proj", "--budget", "20000", "--json").Succeeded().Json;
        Assert.InRange(budget.GetProperty("trainableParameterCount").GetInt32(), 15_000, 20_000);
        var config = _folder.Write("config.json", """
            {"model_type":"llama","hidden_size":64,"intermediate_size":128,"num_hidden_layers":2,"num_attention_heads":4,"vocab_size":100}
            """);
        Assert.Equal(16, Tool.Run("design", config, "--adapter", "lora", "--rank", "16", "--json").Succeeded().Json.GetProperty("smallestRank").GetInt32());
    }

    [Fact]
    public void WhatCannotBeWrittenOrReadIsSaid()
    {
        var nothing = _folder.File("nothing");
        Tool.Run("quantize", nothing, "--output", _folder.File("x")).Failed("nothing");
        Tool.Run("quantize").WasRefused("--output");
        Tool.Run("quantize", "--output", _folder.File("x"), "--type", "int8").WasRefused("int8");
        Tool.Run("merge", "--output", _folder.File("x")).WasRefused("--adapter-folder");
        Tool.Run("merge", samples.Classifier, "--backbone", nothing, "--output", _folder.File("x")).WasRefused("--backbone");
        Tool.Run("merge", "--adapter-folder", nothing, "--output", _folder.File("x")).Failed("nothing");
        Tool.Run("export", samples.TestFile, "--output", _folder.File("x")).Failed("test.csv", "cannot be loaded");
        Tool.Run("export", samples.Classifier, "--output", _folder.File("x"), "--format", "lora").Failed("LoRA");
        Tool.Run("inspect", nothing).Failed("nothing");
        Tool.Run("inspect", _folder.Path).Failed("config.json");
        Tool.Run("inspect", "--svg", _folder.File("x")).WasRefused("--svg");
        Tool.Run("design", "--budget", "10", "--rank", "2").WasRefused("two questions");
        Tool.Run("design", "--budget", "10").Failed("budget");
        Tool.Run("design", samples.TestFile).Failed("test.csv");
        _folder.Write("own/notes.txt", "mine");
        Tool.Run("quantize", "--output", _folder.File("own")).Failed("notes.txt");
        Assert.Equal(130, Tool.Run("", ["quantize", "--output", _folder.File("x")], cancellation: new CancellationToken(canceled: true)).ExitCode);
        Assert.False(Path.Exists(_folder.File("x")));
    }

    [Fact]
    public void EveryVerbExplainsItselfWithAnExample()
    {
        var help = Tool.Run("--help").Succeeded().Out;
        foreach (var verb in (string[])["train", "evaluate", "generate", "quantize", "merge", "export", "inspect", "design", "scaffold"])
        {
            Assert.Contains($"  {verb} ", help, StringComparison.Ordinal);
            Assert.Contains($"  moka {verb} ", Tool.Run(verb, "--help").Succeeded().Out, StringComparison.Ordinal);
        }
        Tool.Run("brew").WasRefused("brew");
        Assert.Equal(2, Tool.Run().ExitCode);
    }
}
