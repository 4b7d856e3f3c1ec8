using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Backbones;

/// <summary>Checkpoints as transformers and bitsandbytes write them.</summary>
[Trait("Category", "Material")]
public sealed class BitsAndBytesTests
{
    public static TheoryData<string> Cases => [.. Material.Folders("bnb")];

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Cases))]
    public void A_checkpoint_computes_what_it_does_there_or_is_refused_by_name(string name)
    {
        var files = new FolderFiles(Material.Require($"bnb/{name}"));
        using var backend = new CpuBackend(threads: 2);
        using var checkpoint = Checkpoint.Open(files);
        if (checkpoint.Names.FirstOrDefault(tensor => tensor.EndsWith(".SCB", StringComparison.Ordinal)) is { } eightBit)
        {
            var error = Assert.Throws<InvalidDataException>(() => LlamaBackbone.Load(backend, files, new(BackboneQuantization.NF4)));
            Assert.Contains(".SCB'", error.Message, StringComparison.Ordinal);
            Assert.Contains("LLM.int8", error.Message, StringComparison.Ordinal);
            return;
        }
        var expected = SafetensorsFile.Open(Material.Require($"bnb/{name}/expected.safetensors"));
        // bitsandbytes rounds what it expands to the type of the model; here it stays float32.
        var rounding = checkpoint[TensorNames.Embedding].Type == "BF16" ? 1.0 / 256 : 0;
        const string Weight = "weight.";
        foreach (var map in expected.Names.Where(tensor => tensor.StartsWith(Weight, StringComparison.Ordinal)))
        {
            var (rows, columns) = (expected[map].Shape[0], expected[map].Shape[1]);
            var actual = Dequantizer.ToFloats(checkpoint.ReadMatrix($"{map[Weight.Length..]}.weight", rows, columns));
            Assert.All(expected[map].ToFloats().Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-6 + rounding * Math.Abs(pair.First)));
        }

        using var backbone = LlamaBackbone.Load(backend, files, new(BackboneQuantization.NF4));
        var ids = MemoryMarshal.Cast<byte, long>(expected["ids"].Data.Span).ToArray().Select(id => (int)id).Chunk(expected["ids"].Shape[1]);
        var (known, computed) = (expected["logits"].ToFloats(), TinyLlama.Logits(backbone, RaggedBatch.Of(ids)));
        Assert.Equal(0, known.Zip(computed, (e, a) => Math.Abs(e - a)).Max(), (1e-4 + 2 * rounding) * known.Max(MathF.Abs));
    }
}
