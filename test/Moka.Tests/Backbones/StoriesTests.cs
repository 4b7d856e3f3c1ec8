using System.Text.Json;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Backbones;

/// <summary>A real pretrained LLaMA of 260K parameters.</summary>
[Trait("Category", "Material")]
public sealed class StoriesTests(ITestOutputHelper output) : IDisposable
{
    /// <summary>Texts of the kind that the model was pretrained on.</summary>
    private static readonly string[] Stories =
    [
        "Once upon a time, there was a little girl named Lily. She loved to play in the park with her dog. One day, she saw a big red ball. " +
        "She wanted to play with it, but it was too high. Her mom helped her to get the ball. Lily was very happy and said, \"Thank you, mom!\"",
        "One day, a boy named Tim went to the forest with his dad. They saw a small bird that was sad. The bird could not fly. Tim wanted to help. " +
        "He gave the bird some water and some food. The next day, the bird was happy and could fly again. They became good friends.",
    ];

    private readonly CpuBackend _backend = new(threads: 2);

    public void Dispose() => _backend.Dispose();

    [Fact]
    public void Logits_are_as_computed_in_double_precision()
    {
        var expected = SafetensorsFile.Open(Material.Require("stories260K/expected.safetensors"));
        var ids = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, long>(expected["ids"].Data.Span).ToArray();
        using var backbone = Load(BackboneQuantization.None);

        var actual = TinyLlama.Logits(backbone, RaggedBatch.Of(ids.Select(id => (int)id).ToArray()));

        Assert.Equal(0, expected["logits"].ToFloats().Zip(actual, (e, a) => Math.Abs(e - a)).Max(), 1e-3);
    }

    [Fact]
    public void Greedy_generation_gives_the_published_text_word_for_word()
    {
        using var backbone = Load(BackboneQuantization.None);
        var (prompt, expected, text) = Greedy();

        // The published run goes on over the end of sequence.
        var tokens = new Generator(backbone).Generate([prompt], new GenerationOptions { MaxNewTokens = expected.Length, StopTokens = [] })[0];

        Assert.Equal(expected, tokens);
        Assert.Equal(text, BackboneTokenizer.Load(new FolderFiles(Material.Require("stories260K"))).Decode(tokens));
    }

    [Fact]
    public void NF4_changes_perplexity_a_little()
    {
        using var plain = Load(BackboneQuantization.None);
        using var quantized = Load(BackboneQuantization.NF4);
        var tokenizer = BackboneTokenizer.Load(new FolderFiles(Material.Require("stories260K")));
        int[][] stories = [.. Stories.Select(story => tokenizer.Encode(story, addBeginOfSequence: true).ToArray())];

        var (before, after) = (Perplexity(plain), Perplexity(quantized));
        output.WriteLine($"Perplexity: {before:f4} as stored, {after:f4} in NF4, difference {after - before:f4} ({after / before - 1:p2}).");
        Assert.InRange(after / before, 1, 1.15);

        double Perplexity(LlamaBackbone backbone)
        {
            using var tape = new Tape(_backend, recording: false);
            var hidden = backbone.Forward(tape, RaggedBatch.Of(stories.Select(story => story[..^1])));
            using var targets = _backend.Upload([.. stories.SelectMany(story => story[1..])]);
            using var losses = backbone.TokenLosses(tape, hidden, targets);
            return Math.Exp(TinyLlama.Download(_backend, losses).Average());
        }
    }

    private LlamaBackbone Load(BackboneQuantization kind) =>
        LlamaBackbone.Load(_backend, new FolderFiles(Material.Require("stories260K")), new QuantizationOptions(kind));

    private static (int[] Prompt, int[] Expected, string Text) Greedy()
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Material.Require("stories260K/greedy.json")));
        // The published run counts the prompt in.
        var prompt = Ids("prompt_ids");
        return (prompt, Ids("greedy_ids")[prompt.Length..], json.RootElement.GetProperty("text").GetString()!);

        int[] Ids(string name) => [.. json.RootElement.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];
    }
}
