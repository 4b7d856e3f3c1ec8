using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Checkpoints.Gguf;

/// <summary>A real pretrained LLaMA of 135 million parameters, as a GGUF in 4 bits.</summary>
[Trait("Category", "Material")]
public sealed class SmolLm2Tests(ITestOutputHelper output)
{
    private const string Folder = "smollm2-135m-instruct";

    [Fact]
    public void Logits_are_those_of_transformers()
    {
        var expected = SafetensorsFile.Map(Material.Require($"{Folder}/expected.safetensors"));
        using var backend = new CpuBackend(threads: 2);
        var clock = Stopwatch.StartNew();
        using var backbone = Load(backend);
        output.WriteLine($"Loaded {backbone.Config.ParameterCount:N0} parameters in {clock.Elapsed.TotalSeconds:0.00} s.");
        var (ids, positions) = (Ids(expected["ids"]), Ids(expected["positions"]));
        var length = expected["ids"].Shape[1];
        int[] rows = [.. Enumerable.Range(0, ids.Length / length).SelectMany(sequence => positions.Select(position => sequence * length + position))];
        var actual = TinyLlama.Logits(backbone, RaggedBatch.Of(ids.Chunk(length)), rows: rows);
        var logits = expected["logits"].ToFloats();
        var error = logits.Zip(actual, (e, a) => Math.Abs(e - a)).Max() / logits.Max(Math.Abs);
        output.WriteLine($"The largest error is {error:e1} of the largest logit.");
        Assert.InRange(error, 0, 1e-3);
    }

    [Fact]
    public void Greedy_generation_gives_the_tokens_of_transformers()
    {
        var files = new GgufFiles(PathOf());
        using var backend = new CpuBackend(threads: 2);
        using var backbone = LlamaBackbone.Load(backend, files, new QuantizationOptions(BackboneQuantization.None));
        foreach (var (prompt, written, _, _) in Texts())
        {
            var tokens = new Generator(backbone).Generate([prompt], new GenerationOptions { MaxNewTokens = written.Length,
                StopTokens = backbone.Config.EosTokenIds })[0];
            // The token at which a text ends counts among the reference's.
            Assert.Equal(written.TakeWhile(id => !backbone.Config.EosTokenIds.Contains(id)), tokens.TakeWhile(id => !backbone.Config.EosTokenIds.Contains(id)));
        }
    }

    [Fact]
    public void Texts_have_the_ids_of_transformers_and_ids_its_texts()
    {
        var tokenizer = BackboneTokenizer.Load(new GgufFiles(PathOf()));
        foreach (var (ids, written, prompt, text) in Texts())
        {
            if (prompt is not null)
                Assert.Equal(ids, tokenizer.Encode(prompt, tokenizer.StartsWithBeginOfSequence));
            Assert.Equal(text, tokenizer.Decode(written));
        }
    }

    [Fact]
    public void The_tokenizer_has_the_files_ends_and_template()
    {
        var files = new GgufFiles(PathOf());
        var tokenizer = BackboneTokenizer.Load(files);
        Assert.False(tokenizer.StartsWithBeginOfSequence);
        Assert.Equal(2, tokenizer.EndOfSequence);
        using var config = JsonDocument.Parse(files.ReadAll("tokenizer_config.json"));
        Assert.Contains("<|im_start|>system", config.RootElement.GetProperty("chat_template").GetString(), StringComparison.Ordinal);
    }

    private static string PathOf() => Directory.GetFiles(Material.Require(Folder), "*.gguf").Single();

    private static LlamaBackbone Load(CpuBackend backend) => LlamaBackbone.Load(backend, new GgufFiles(PathOf()),
        new QuantizationOptions(BackboneQuantization.None));

    /// <summary>Ids of prompts and of what follows; chats have no prompt of one text.</summary>
    private static List<(int[] Ids, int[] Written, string? Prompt, string Text)> Texts()
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Material.Require($"{Folder}/expected.json")));
        return [.. from kind in (string[])["greedy", "chat"]
                   from item in json.RootElement.GetProperty(kind).EnumerateArray()
                   select (Ids(item.GetProperty("ids")), Ids(item.GetProperty("new_ids")), kind == "greedy" ? item.GetProperty("prompt").GetString() : null,
                       item.GetProperty("text").GetString()!)];
    }

    private static int[] Ids(SafetensorsTensor tensor) => [.. MemoryMarshal.Cast<byte, long>(tensor.Data.Span).ToArray().Select(id => (int)id)];

    private static int[] Ids(JsonElement list) => [.. list.EnumerateArray().Select(id => id.GetInt32())];
}
