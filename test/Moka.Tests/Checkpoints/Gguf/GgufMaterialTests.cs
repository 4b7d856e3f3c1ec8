using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Checkpoints.Gguf;

/// <summary>GGUF files that gguf-py wrote, with their expanded weights and with logits that transformers computed from these in double precision.</summary>
[Trait("Category", "Material")]
public sealed class GgufMaterialTests(ITestOutputHelper output)
{
    public static TheoryData<string> Cases => [.. Material.Folders("gguf").Where(name => name != "refused")];

    public static TheoryData<string> Refused => [.. Material.Folders("gguf/refused")];

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void Weights_are_expanded_in_Hugging_Faces_order_of_rows(string name)
    {
        using var model = GgufModel.Open(PathOf(name));
        AssertWeights(Expected(name), model);
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void The_configuration_is_that_of_the_same_model_in_Hugging_Faces_words(string name)
    {
        var json = File.ReadAllBytes(Material.Require($"gguf/{name}/config.json"));
        var files = new GgufFiles(PathOf(name));
        if (IsRefused(json) is { } refusal)
        {
            // What is refused there is refused here, for the same field.
            Assert.Contains(refusal, Assert.Throws<InvalidDataException>(() => LlamaConfigFile.Read(files)).Message, StringComparison.Ordinal);
            return;
        }
        var (expected, actual) = (LlamaConfigFile.Parse(json, name), LlamaConfigFile.Read(files));
        Assert.Equal(Written(expected with { RotaryScaling = RotaryScaling.None }), Written(actual with { RotaryScaling = RotaryScaling.None }));
        Assert.Equal(expected.RotaryScaling.Amplitude, actual.RotaryScaling.Amplitude, 1e-6);
        var frequencies = expected.RotaryScaling.Frequencies(expected.RotaryBase, expected.HeadWidth, expected.MaxPositions);
        var others = actual.RotaryScaling.Frequencies(actual.RotaryBase, actual.HeadWidth, actual.MaxPositions);
        Assert.All(frequencies.Zip(others), pair => Assert.Equal(pair.First, pair.Second, pair.First * 1e-6));
        // And once more through a config.json that we write.
        Assert.Equal(Written(actual), Written(LlamaConfigFile.Parse(LlamaConfigFile.Write(actual), "again")));

        static string Written(LlamaConfig config) => Encoding.UTF8.GetString(LlamaConfigFile.Write(config));
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void Logits_are_those_of_transformers(string name)
    {
        using var backend = new CpuBackend(threads: 2);
        if (IsRefused(File.ReadAllBytes(Material.Require($"gguf/{name}/config.json"))) is not null)
        {
            Assert.Throws<InvalidDataException>(() => Load(backend, name));
            return;
        }
        var expected = Expected(name);
        using var backbone = Load(backend, name);
        var sequences = Ids(expected["ids"]).Chunk(expected["ids"].Shape[1]).ToArray();
        AssertClose(expected["logits"].ToFloats(), TinyLlama.Logits(backbone, RaggedBatch.Of(sequences)));
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void A_sentence_through_the_files_own_vocabulary_has_the_ids_and_logits_of_transformers(string name)
    {
        var expected = Expected(name);
        var ids = Ids(expected["text.ids"]);
        var tokenizer = BackboneTokenizer.Load(new GgufFiles(PathOf(name)));
        var text = tokenizer.Decode(ids);
        output.WriteLine($"{tokenizer.Kind}: {text}");
        Assert.Equal(ids, tokenizer.Encode(text, tokenizer.StartsWithBeginOfSequence));
        if (IsRefused(File.ReadAllBytes(Material.Require($"gguf/{name}/config.json"))) is not null)
            return;
        using var backend = new CpuBackend(threads: 2);
        using var backbone = Load(backend, name);
        AssertClose(expected["text.logits"].ToFloats(), TinyLlama.Logits(backbone, RaggedBatch.Of([ids]), rows: [ids.Length - 1]));
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Refused))]
    public void Other_types_are_refused_by_name_or_read(string name)
    {
        try
        {
            using var model = GgufModel.Open(PathOf($"refused/{name}"));
            AssertWeights(Expected($"refused/{name}"), model);
        }
        catch (InvalidDataException error)
        {
            var type = name[(name.IndexOf('-', StringComparison.Ordinal) + 1)..].ToUpperInvariant();
            Assert.Contains($"has the type {type}", error.Message, StringComparison.Ordinal);
            Assert.Contains("model.gguf: tensor '", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Other_weights_and_another_precision_have_another_fingerprint_and_shards_are_one_model()
    {
        var paths = Cases.Select(row => PathOf(row.Data)).ToArray();
        Assert.SkipWhen(paths.Length == 0, "No GGUF material.");
        var known = paths.Where(path => IsRefused(new GgufFiles(path).ReadAll("config.json")) is null).ToArray();
        var prints = known.Select(path => SharedBackbone.FingerprintOf(new GgufFiles(path))).ToArray();
        Assert.Equal(prints.Length, prints.Distinct().Count());
        Assert.Equal(prints, known.Select(path => SharedBackbone.FingerprintOf(new GgufFiles(path))));
    }

    private static string PathOf(string name) => Directory.GetFiles(Material.Require($"gguf/{name}"), "*.gguf").Order(StringComparer.Ordinal).First();

    private static SafetensorsFile Expected(string name) => SafetensorsFile.Open(Material.Require($"gguf/{name}/expected.safetensors"));

    private static int[] Ids(SafetensorsTensor tensor) => [.. MemoryMarshal.Cast<byte, long>(tensor.Data.Span).ToArray().Select(id => (int)id)];

    private static LlamaBackbone Load(Backend backend, string name) =>
        LlamaBackbone.Load(backend, new GgufFiles(PathOf(name)), new QuantizationOptions(BackboneQuantization.None));

    /// <summary>The field for which a configuration cannot be read; null where it can.</summary>
    private static string? IsRefused(byte[] json)
    {
        try
        {
            LlamaConfigFile.Parse(json, "config");
            return null;
        }
        catch (InvalidDataException error)
        {
            return error.Message["config: ".Length..].Split('\'')[1];
        }
    }

    private static void AssertWeights(SafetensorsFile expected, GgufModel model)
    {
        var names = expected.Names.Where(tensor => tensor.StartsWith("weight.", StringComparison.Ordinal)).ToArray();
        Assert.NotEmpty(names);
        foreach (var name in names)
        {
            var matrix = model[name["weight.".Length..]].ToMatrix();
            Assert.Equal(expected[name].ToFloats(), Dequantizer.ToFloats(matrix));
            Assert.Equal(expected[name].ToFloats(), model[name["weight.".Length..]].ToFloats());
        }
    }

    private static void AssertClose(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        var largest = expected.Max(Math.Abs);
        Assert.Equal(0, expected.Zip(actual, (e, a) => Math.Abs(e - a)).Max(), 1e-4 * largest);
    }
}
