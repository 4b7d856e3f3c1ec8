using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Backbones;

/// <summary>
/// The mean of hidden states. Logits are linear in them: what the head makes of the mean is the mean of the logits, which an independent program computed in
/// double precision.
/// </summary>
public sealed class TextStatesTests : IDisposable
{
    private readonly CpuBackend _backend = new(threads: 2);

    public static TheoryData<string> Models =>
        [.. from folder in (string[])["vectors/llama", "architectures"] from model in Material.Folders(folder) select $"{folder}/{model}"];

    public void Dispose() => _backend.Dispose();

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Models))]
    [Trait("Category", "Material")]
    public void The_head_makes_the_mean_of_the_expected_logits_of_it(string model)
    {
        var folder = Material.Require(model);
        var expected = SafetensorsFile.Open(Path.Combine(folder, "expected.safetensors"));
        var (rows, length) = (expected["ids"].Shape[0], expected["ids"].Shape[1]);
        int[] ids = [.. MemoryMarshal.Cast<byte, long>(expected["ids"].Data.Span).ToArray().Select(id => (int)id)];
        using var backbone = LlamaBackbone.Load(_backend, new FolderFiles(folder), new(BackboneQuantization.None));
        using var head = _backend.Expand(backbone.Head);
        var (weights, hidden, vocabulary) =
            (TinyLlama.Download(_backend, head), backbone.Config.HiddenSize, backbone.Config.VocabularySize);
        var logits = expected["logits"].ToFloats();

        var vectors = new TextStates(backbone, null).Mean([.. ids.Chunk((int)length)]);

        Assert.Equal(rows, vectors.Length);
        for (var row = 0; row < vectors.Length; row++)
        {
            for (var token = 0; token < vocabulary; token++)
            {
                var mean = Enumerable.Range(0, (int)length).Average(place => (double)logits[(row * (int)length + place) * vocabulary + token]);
                Assert.Equal(mean, TensorPrimitives.Dot(weights.AsSpan(token * hidden, hidden), vectors[row]), 1e-3);
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(40)]
    [InlineData(10_000)]
    public void A_vector_does_not_depend_on_what_is_beside_it(int tokenBudget)
    {
        using var backbone = TinyLlama.Frozen(_backend, TinyArchitectures.Of("qwen3"));
        int[][] sequences = [.. Enumerable.Range(1, 9).Select(i => TinyLlama.Ids(5 * i - 3, (ulong)i))];
        var states = new TextStates(backbone, null, tokenBudget);

        Assert.Equal(sequences.Select(sequence => states.Mean([sequence])[0]), states.Mean(sequences));
        Assert.Empty(states.Mean([]));
    }

    [Fact]
    public void Cancellation_is_answered()
    {
        using var backbone = TinyLlama.Frozen(_backend, TinyArchitectures.Of("qwen3"));
        Assert.Throws<OperationCanceledException>(() => new TextStates(backbone, null).Mean([TinyLlama.Ids(9, 1)], new CancellationToken(canceled: true)));
    }
}
