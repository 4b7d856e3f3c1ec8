using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Backbones;

public sealed class BackboneLoadingTests : IDisposable
{
    private static readonly QuantizationOptions Nf4 = new(BackboneQuantization.NF4);

    private readonly CpuBackend _backend = new(threads: 2);
    private readonly RaggedBatch _batch = RaggedBatch.Of(TinyLlama.Ids(9, 1));

    public void Dispose() => _backend.Dispose();

    [Fact]
    public void A_stored_backbone_loads_back_equal()
    {
        using var original = TinyLlama.Frozen(_backend);
        using var loaded = LlamaBackbone.Load(_backend, Store(TinyLlama.Config, TinyLlama.Weights), new(BackboneQuantization.None));

        Assert.Equal(TinyLlama.Logits(original, _batch), TinyLlama.Logits(loaded, _batch));
    }

    [Fact]
    public void Weights_stored_in_bitsandbytes_layout_are_taken_as_they_are()
    {
        var plain = Store(TinyLlama.Config, TinyLlama.Weights);
        var quantized = Store(TinyLlama.Config, new CheckpointWeights(Checkpoint.Open(plain), TinyLlama.Config, Nf4));
        Assert.Contains(Checkpoint.Open(quantized).Names, name => name.EndsWith("q_proj.weight.quant_state.bitsandbytes__nf4", StringComparison.Ordinal));
        using var quantizedWhileLoading = LlamaBackbone.Load(_backend, plain, Nf4);
        using var stored = LlamaBackbone.Load(_backend, quantized, new(BackboneQuantization.Int8));

        Assert.Equal(TinyLlama.Logits(quantizedWhileLoading, _batch), TinyLlama.Logits(stored, _batch));
    }

    [Theory]
    [InlineData(BackboneQuantization.NF4, 0.2)]
    [InlineData(BackboneQuantization.FP4, 0.25)]
    [InlineData(BackboneQuantization.Int8, 0.02)]
    public void Quantization_while_loading_changes_logits_a_little(BackboneQuantization kind, double tolerance)
    {
        var files = Store(TinyLlama.Config, new RandomWeights(TinyLlama.Config, 3));
        using var plain = LlamaBackbone.Load(_backend, files, new(BackboneQuantization.None));
        using var quantized = LlamaBackbone.Load(_backend, files, new(kind));

        var expected = TinyLlama.Logits(plain, _batch);
        var actual = TinyLlama.Logits(quantized, _batch);
        var error = Math.Sqrt(expected.Zip(actual, (e, a) => Math.Pow(e - a, 2)).Sum() / expected.Sum(e => (double)e * e));
        Assert.InRange(error, 1e-6, tolerance);
    }

    [Theory]
    [InlineData("model.embed_tokens.weight")]
    [InlineData("lm_head.weight")]
    public void A_tied_head_may_be_stored_under_either_name(string name)
    {
        var config = TinyLlama.Config with { TiedHead = true };
        var embedding = Tensors(config, TinyLlama.Weights).Single(tensor => tensor.Name == TensorNames.Embedding);
        var files = Store(config, [.. Tensors(config, TinyLlama.Weights).Where(tensor => tensor.Name != embedding.Name), embedding with { Name = name }]);
        using var original = TinyLlama.Frozen(_backend, config);
        using var loaded = LlamaBackbone.Load(_backend, files, new(BackboneQuantization.None));

        Assert.Equal(TinyLlama.Logits(original, _batch), TinyLlama.Logits(loaded, _batch));
    }

    /// <summary>As models that embed texts are stored: transformers puts the prefix before their names, and takes the embedding for a tied head.</summary>
    [Theory]
    [InlineData(BackboneQuantization.None)]
    [InlineData(BackboneQuantization.NF4)]
    public void A_model_saved_without_its_head_loads_where_the_head_is_tied(BackboneQuantization kind)
    {
        var config = TinyLlama.Config with { TiedHead = true };
        var whole = Store(config, new CheckpointWeights(Checkpoint.Open(Store(config, TinyLlama.Weights)), config, new(kind)));
        var bare = Store(config, Bare(Checkpoint.Open(whole)));
        using var original = LlamaBackbone.Load(_backend, whole, new(BackboneQuantization.None));
        using var loaded = LlamaBackbone.Load(_backend, bare, new(BackboneQuantization.None));
        Assert.Equal(TinyLlama.Logits(original, _batch), TinyLlama.Logits(loaded, _batch));
        Assert.NotEmpty(BackboneFingerprint.Compute(bare));

        var untied = Store(TinyLlama.Config, Bare(Checkpoint.Open(Store(TinyLlama.Config, TinyLlama.Weights))));
        var error = Assert.Throws<InvalidDataException>(() => LlamaBackbone.Load(_backend, untied, Nf4));
        Assert.Contains("no tensor 'lm_head.weight': the model was saved without its head", error.Message, StringComparison.Ordinal);

        static List<SafetensorsTensor> Bare(Checkpoint checkpoint) =>
        [
            .. checkpoint.Names.Where(name => name.StartsWith("model.", StringComparison.Ordinal))
                .Select(name => (SafetensorsTensor)checkpoint[name] with { Name = name["model.".Length..] }),
        ];
    }

    [Theory]
    [InlineData("lm_head.weight")]
    [InlineData("model.norm.weight")]
    [InlineData("model.layers.1.mlp.up_proj.weight")]
    public void A_missing_tensor_is_named(string name)
    {
        var files = Store(TinyLlama.Config, [.. Tensors(TinyLlama.Config, TinyLlama.Weights).Where(tensor => tensor.Name != name)]);

        var error = Assert.Throws<InvalidDataException>(() => LlamaBackbone.Load(_backend, files, Nf4));
        Assert.Contains($"memory has no tensor '{name}'", error.Message);
    }

    [Theory]
    [InlineData("model.embed_tokens.weight")]
    [InlineData("model.layers.0.input_layernorm.weight")]
    [InlineData("model.layers.1.self_attn.k_proj.weight")]
    public void A_tensor_of_another_shape_is_named(string name)
    {
        var tensors = Tensors(TinyLlama.Config, TinyLlama.Weights)
            .Select(tensor => tensor.Name == name ? SafetensorsTensor.Of(name, new float[6], 2, 3) : tensor);

        var error = Assert.Throws<InvalidDataException>(() => LlamaBackbone.Load(_backend, Store(TinyLlama.Config, [.. tensors]), Nf4));
        Assert.Contains($"'{name}'", error.Message);
        Assert.Contains("[2, 3]", error.Message);
    }

    [Theory]
    [InlineData("model.layers.0.self_attn.q_proj.bias", "bias")]
    [InlineData("model.layers.2.input_layernorm.weight", "num_hidden_layers")]
    [InlineData("layers.0.input_layernorm.weight", "should be called 'model.layers.0.input_layernorm.weight'")]
    [InlineData("language_model.model.norm.weight", "should be called 'model.norm.weight'")]
    [InlineData("model.layers.0.self_attn.q_proj.base_layer.weight", "merge_and_unload")]
    [InlineData("model.layers.0.self_attn.q_proj.scales", "MLX")]
    public void Tensors_that_would_be_left_out_are_refused(string name, string reason)
    {
        var files = Store(TinyLlama.Config, [.. Tensors(TinyLlama.Config, TinyLlama.Weights), SafetensorsTensor.Of(name, new float[32], 32)]);

        var error = Assert.Throws<InvalidDataException>(() => LlamaBackbone.Load(_backend, files, Nf4));
        Assert.Contains(name, error.Message);
        Assert.Contains(reason, error.Message);
    }

    [Fact]
    public void A_config_of_monstrous_size_fails_on_the_first_tensor_without_allocating()
    {
        var files = Store(TinyLlama.Config with
        {
            VocabularySize = 1 << 22,
            HiddenSize = 1 << 17,
            LayerCount = 1000,
        }, Tensors(TinyLlama.Config, TinyLlama.Weights));
        var before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Contains("model.embed_tokens.weight", Assert.Throws<InvalidDataException>(() => LlamaBackbone.Load(_backend, files, Nf4)).Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void The_fingerprint_changes_with_config_tokenizer_and_weights_and_with_nothing_else()
    {
        var tensors = Tensors(TinyLlama.Config, TinyLlama.Weights);
        var fingerprint = BackboneFingerprint.Compute(Store(TinyLlama.Config, tensors));
        var edited = tensors[5] with { Data = tensors[5].Data.ToArray() };
        MemoryMarshal.AsMemory(edited.Data).Span[^3] ^= 1;

        Assert.Matches("^sha256:[0-9a-f]{64}$", fingerprint);
        Assert.Equal(fingerprint, BackboneFingerprint.Compute(Store(TinyLlama.Config, [.. tensors.Reverse()])));
        Assert.NotEqual(fingerprint, BackboneFingerprint.Compute(Store(TinyLlama.Config with { RotaryBase = 5000 }, tensors)));
        Assert.NotEqual(fingerprint, BackboneFingerprint.Compute(Store(TinyLlama.Config, [.. tensors.Select(t => t == tensors[5] ? edited : t)])));
        Assert.NotEqual(fingerprint, BackboneFingerprint.Compute(Store(TinyLlama.Config, tensors, ("tokenizer.model", [1, 2, 3]))));
    }

    [Fact]
    public void The_fingerprint_of_a_large_tensor_covers_its_beginning_its_end_and_pages_between()
    {
        var config = TinyLlama.Config with { VocabularySize = 20000 };
        var tensors = Tensors(config, TinyLlama.Weights);
        var large = tensors.Single(tensor => tensor.Name == TensorNames.Embedding);
        Assert.True(large.Data.Length > 1 << 21);
        var fingerprint = BackboneFingerprint.Compute(Store(config, tensors));

        // With 2.5 MB, 256 pages leave gaps of about 5 KB: every fine-tuning touches a page, as does any run of changes that is longer.
        foreach (var offset in (int[])[0, large.Data.Length / 3, large.Data.Length - 10_000])
        {
            var edited = large with { Data = large.Data.ToArray() };
            MemoryMarshal.AsMemory(edited.Data).Span.Slice(offset, 10_000).Clear();
            Assert.NotEqual(fingerprint, BackboneFingerprint.Compute(Store(config, [.. tensors.Select(t => t == large ? edited : t)])));
        }
    }

    private static IReadOnlyList<SafetensorsTensor> Tensors(LlamaConfig config, WeightSource weights) => [.. BackboneTensors.From(config, weights)];

    private static MemoryFiles Store(LlamaConfig config, WeightSource weights) => Store(config, Tensors(config, weights));

    private static MemoryFiles Store(LlamaConfig config, IReadOnlyList<SafetensorsTensor> tensors, params (string Name, byte[] Content)[] others)
    {
        var files = others.ToDictionary(file => file.Name, file => file.Content);
        files.Add("config.json", LlamaConfigFile.Write(config));
        files.Add("model.safetensors", SafetensorsWriter.ToBytes(tensors));
        return new MemoryFiles("memory", files);
    }
}
