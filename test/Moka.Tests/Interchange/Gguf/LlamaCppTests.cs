using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Generation;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Interchange.Gguf;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Interchange.Gguf;

/// <summary>What is written as GGUF is what llama.cpp computes: logits, greedy texts, ids, adapters.</summary>
[Trait("Category", "Material")]
public sealed class LlamaCppTests(ITestOutputHelper output) : IDisposable
{
    private static readonly Lazy<string[]> Texts = new(() => [.. ReadTexts().Distinct()]);

    private readonly TemporaryFolder _folder = new();
    private readonly CpuBackend _backend = new(threads: 2);

    public static TheoryData<string> Models =>
    [
        .. Material.Folders("vectors/llama").Select(name => $"vectors/llama/{name}"),
        .. Material.Folders("architectures").Select(name => $"architectures/{name}"),
    ];

    public static TheoryData<string> Files => [.. Material.Folders("gguf").Where(name => name != "refused")];

    public static TheoryData<string> Tokenizers =>
    [
        .. Material.Folders("hf-tokenizers").Select(name => $"hf-tokenizers/{name}"), .. Material.Folders("tokenizers").Select(name => $"tokenizers/{name}"),
    ];

    public void Dispose()
    {
        _backend.Dispose();
        _folder.Dispose();
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Models))]
    public void Every_architecture_computes_the_same(string name)
    {
        var files = new FolderFiles(Material.Require(name));
        var config = LlamaConfigFile.Read(files);
        var path = Write(files, config, GgufFormat.F32);
        using var backbone = LlamaBackbone.Load(_backend, files, new QuantizationOptions(BackboneQuantization.None));
        var expected = SafetensorsFile.Open(Path.Combine(files.Location, "expected.safetensors"))["ids"];
        using var oracle = new LlamaCpp(path);
        Assert.InRange(oracle.Model.ContextSize, 1, config.LongestSequence);
        foreach (var row in Ids(expected).Chunk(expected.Shape[1]))
        {
            // Beyond the context that the file states, a window would count.
            var ids = row[..Math.Min(row.Length, oracle.Model.ContextSize)];
            AssertClose(TinyLlama.Logits(backbone, RaggedBatch.Of([ids])), oracle.Logits(ids), 1e-4);
        }
        // And through our own reader.
        using var again = LlamaBackbone.Load(_backend, new GgufFiles(path), new QuantizationOptions(BackboneQuantization.None));
        int[] some = Ids(expected)[..Math.Min(expected.Shape[1], oracle.Model.ContextSize)];
        AssertClose(TinyLlama.Logits(backbone, RaggedBatch.Of([some])), TinyLlama.Logits(again, RaggedBatch.Of([some])), 1e-5);
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Files))]
    public void A_file_that_was_read_is_written_again(string name)
    {
        var source = Directory.GetFiles(Material.Require($"gguf/{name}"), "*.gguf").Order(StringComparer.Ordinal).First();
        var path = _folder.File("again.gguf");
        new MLContext().Model.SaveGguf(source, null, path, new GgufOptions { Format = GgufFormat.F32 });
        using var oracle = new LlamaCpp(path);
        var expected = SafetensorsFile.Open(Material.Require($"gguf/{name}/expected.safetensors"));
        var logits = expected["logits"].ToFloats();
        var perRow = expected["ids"].Shape[1] * expected["logits"].Shape[^1];
        foreach (var (row, ids) in Ids(expected["ids"]).Chunk(expected["ids"].Shape[1]).Index())
            AssertClose(logits[(row * perRow)..((row + 1) * perRow)], oracle.Logits(ids), 1e-4);
        var text = Ids(expected["text.ids"]);
        var tokenizer = BackboneTokenizer.Load(new GgufFiles(path));
        Assert.Equal(text[(tokenizer.StartsWithBeginOfSequence ? 1 : 0)..], oracle.Tokenize(tokenizer.Decode(text)));
    }

    public static TheoryData<string> Adapters => [.. Material.Folders("peft").Where(name => name != "refused")];

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Adapters))]
    public void PEFTs_adapters_are_merged(string name)
    {
        var files = new FolderFiles(Material.Require("vectors/llama/llama3-gqa"));
        var config = LlamaConfigFile.Read(files);
        using var stored = OpenOrSkip(Material.Require($"peft/{name}"), config);
        using var checkpoint = Checkpoint.Open(files);
        using var adapters = stored.Load(_backend);
        var merged = new AdaptedWeights(new CheckpointWeights(checkpoint, config, new(BackboneQuantization.None)), _backend, adapters, config);
        var path = _folder.File("merged.gguf");
        GgufExport.Write(path, merged.Config, null, merged, new GgufOptions { Format = GgufFormat.F32 });
        using var oracle = new LlamaCpp(path);
        var expected = SafetensorsFile.Open(Material.Require($"peft/{name}/expected.safetensors"));
        var logits = expected["logits"].ToFloats();
        var perRow = expected["ids"].Shape[1] * expected["logits"].Shape[^1];
        foreach (var (row, ids) in Ids(expected["ids"]).Chunk(expected["ids"].Shape[1]).Index())
            AssertClose(logits[(row * perRow)..((row + 1) * perRow)], oracle.Logits(ids), 1e-4);
    }

    private static StoredAdapter OpenOrSkip(string folder, LlamaConfig config)
    {
        try
        {
            return StoredAdapter.Open(folder, config.LinearMaps, config.Shape);
        }
        catch (InvalidDataException error)
        {
            Assert.Skip($"The adapter is not read: {error.Message}");
            throw;
        }
    }

    [Theory]
    [InlineData(GgufFormat.F32, 1e-5)]
    [InlineData(GgufFormat.F16, 1e-3)]
    [InlineData(GgufFormat.BF16, 1e-2)]
    [InlineData(GgufFormat.Q8_0, 2e-2)]
    [InlineData(GgufFormat.Q4_0, 4e-2)]
    public void A_pretrained_model_in_every_form_has_our_logits_of_that_form(GgufFormat format, double tolerance)
    {
        var path = _folder.File("stories.gguf");
        new MLContext().Model.SaveGguf(Material.Require("stories260K"), null, path, new GgufOptions { Format = format });
        using var oracle = new LlamaCpp(path);
        using var backbone = LlamaBackbone.Load(_backend, new GgufFiles(path), new QuantizationOptions(BackboneQuantization.None));
        var ids = Ids(SafetensorsFile.Open(Material.Require("stories260K/expected.safetensors"))["ids"]);
        AssertClose(TinyLlama.Logits(backbone, RaggedBatch.Of([ids])), oracle.Logits(ids), tolerance);
        if (format is not (GgufFormat.F32 or GgufFormat.F16))
            return;
        using var published = JsonDocument.Parse(File.ReadAllText(Material.Require("stories260K/greedy.json")));
        int[] greedy = [.. published.RootElement.GetProperty("greedy_ids").EnumerateArray().Select(id => id.GetInt32())];
        int[] prompt = [.. published.RootElement.GetProperty("prompt_ids").EnumerateArray().Select(id => id.GetInt32())];
        var expected = greedy.AsSpan().StartsWith(prompt) ? greedy[prompt.Length..] : greedy;
        Assert.Equal(expected, oracle.Greedy(prompt, expected.Length));
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Tokenizers))]
    public void Texts_have_the_same_ids(string name)
    {
        LlamaCpp.Require();
        var tokenizer = BackboneTokenizer.Load(Material.Require(name));
        var config = TinyLlama.Config with { VocabularySize = tokenizer.VocabularySize + 3, HiddenSize = 32 };
        var path = _folder.File("tokens.gguf");
        GgufExport.Write(path, config, tokenizer, new RandomWeights(config, 1), new GgufOptions { Format = GgufFormat.Q4_0 });
        using var oracle = new LlamaCpp(path);
        Assert.Equal(tokenizer.EndOfSequence, (int)oracle.Model.Vocab.EOS!.Value);
        Assert.Equal(tokenizer.StartsWithBeginOfSequence, oracle.Model.Vocab.ShouldAddBOS);
        // llama.cpp composes no characters, and cannot be told that a text that begins with a space gets no further one, as Metaspace has it.
        var isMetaspace = !tokenizer.Parts.Model.IsByteLevel && !tokenizer.Files.ContainsKey("tokenizer.model");
        var texts = Texts.Value.Where(text =>
            isMetaspace
                ? !text.StartsWith(' ') && !text.StartsWith('\u2581')
                : !tokenizer.Parts.Model.IsByteLevel || tokenizer.Parts.Normalizer.Normalize(text) == text).ToArray();
        Assert.True(texts.Length > 100);
        var wrong = texts.Where(text => !tokenizer.Encode(Plain(text), false).SequenceEqual(oracle.Tokenize(text))).ToArray();
        foreach (var text in wrong.Take(5))
        {
            output.WriteLine(JsonSerializer.Serialize(text));
            output.WriteLine("  ours      " + string.Join(' ', tokenizer.Encode(Plain(text), false).Select(id => $"{id}:{tokenizer.NameOf(id)}")));
            output.WriteLine("  llama.cpp " + string.Join(' ', oracle.Tokenize(text).Select(id => $"{id}:{tokenizer.NameOf(id)}")));
        }
        Assert.Empty(wrong);
        // And through our own reader.
        var again = BackboneTokenizer.Load(new GgufFiles(path));
        Assert.All(texts, text => Assert.Equal(tokenizer.Encode(Plain(text), false), again.Encode(Plain(text), false)));
    }

    // Those of all tokenizers, for each.
    private static IEnumerable<string> ReadTexts()
    {
        foreach (var row in Tokenizers)
        {
            if (!File.Exists(Path.Combine(Material.Root!, row.Data, "vectors.json")))
                continue;
            using var vectors = JsonDocument.Parse(File.ReadAllText(Path.Combine(Material.Root!, row.Data, "vectors.json")));
            foreach (var vector in vectors.RootElement.EnumerateArray())
                yield return vector.GetProperty("text").GetString()!;
        }
    }

    private string Write(BackboneFiles files, LlamaConfig config, GgufFormat format)
    {
        var path = _folder.File("model.gguf");
        using var checkpoint = Checkpoint.Open(files);
        GgufExport.Write(path, config, null, new CheckpointWeights(checkpoint, config, new(BackboneQuantization.None)), new GgufOptions { Format = format });
        return path;
    }

    [Fact]
    public void A_real_model_writes_the_same_texts()
    {
        var source = new GgufFiles(Directory.GetFiles(Material.Require("smollm2-135m-instruct"), "*.gguf")[0]);
        LlamaCpp.Require();
        var path = _folder.File("smollm2.gguf");
        new MLContext().Model.SaveGguf(source.Location, null, path);
        using var oracle = new LlamaCpp(path);
        var tokenizer = BackboneTokenizer.Load(source);
        Assert.Equal(OwnTemplate.Find(tokenizer.Files)!.Value.Text, oracle.Model.GetTemplate());
        using var expected = JsonDocument.Parse(File.ReadAllText(Material.Require("smollm2-135m-instruct/expected.json")));
        foreach (var text in expected.RootElement.GetProperty("greedy").EnumerateArray().Take(2))
        {
            int[] prompt = [.. text.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
            int[] written = [.. text.GetProperty("new_ids").EnumerateArray().Select(id => id.GetInt32())];
            Assert.Equal(written, oracle.Greedy(prompt, written.Length));
        }
    }

    private static MarkedText Plain(string text) => new MarkedText().Plain(text);

    private static int[] Ids(SafetensorsTensor tensor) => [.. MemoryMarshal.Cast<byte, long>(tensor.Data.Span).ToArray().Select(id => (int)id)];

    private void AssertClose(float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        var error = expected.Zip(actual, (e, a) => Math.Abs(e - a)).Max() / expected.Max(Math.Abs);
        output.WriteLine($"The largest error is {error:e1} of the largest logit.");
        Assert.InRange(error, 0, tolerance);
    }
}
