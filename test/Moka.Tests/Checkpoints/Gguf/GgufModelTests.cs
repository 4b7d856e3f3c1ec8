using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Tests.Checkpoints.Gguf;

/// <summary>Models as GGUF: what is read, and what is refused.</summary>
public sealed class GgufModelTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_configuration_is_read()
    {
        var config = Config(new TinyGguf().With("llama.rope.freq_base", 500000f));
        Assert.Equal((32, 64, 2, 4, 2, 8, 320, 128), (config.HiddenSize, config.IntermediateSize, config.LayerCount, config.QueryHeads, config.KeyValueHeads,
            config.HeadWidth, config.VocabularySize, config.MaxPositions));
        Assert.Equal((1e-5f, 500000.0, true), (config.RmsNormEpsilon, config.RotaryBase, config.TiedHead));
        Assert.False(Config(new TinyGguf().Add("output.weight", TinyGguf.Rows, TinyGguf.Width)).TiedHead);
        Assert.Equal(RotaryScaling.None, config.RotaryScaling);
        Assert.Equal(16, Config(new TinyGguf().With("llama.attention.key_length", 16u).With("llama.attention.value_length", 16u)
            .With("llama.rope.dimension_count", 16u)).HeadWidth);
    }

    [Theory]
    [InlineData("general.architecture", "gemma3", "general.architecture")]
    [InlineData("llama.block_count", 0u, "llama.block_count")]
    [InlineData("llama.attention.head_count", 5u, "which 5 heads do not share")]
    [InlineData("llama.attention.head_count_kv", 8u, "llama.attention.head_count_kv")]
    [InlineData("llama.expert_count", 8u, "mixtures of experts")]
    [InlineData("llama.rope.dimension_count", 4u, "llama.rope.dimension_count")]
    [InlineData("llama.attention.value_length", 4u, "llama.attention.value_length")]
    [InlineData("llama.logit_scale", 0.5f, "'llama.logit_scale' may change")]
    [InlineData("llama.attention.causal", false, "'llama.attention.causal' is false")]
    [InlineData("llama.rope.scaling.type", "longrope", "'longrope'")]
    [InlineData("llama.attention.layer_norm_rms_epsilon", -1f, "rms_epsilon")]
    [InlineData("tokenizer.ggml.model", "bert", "tokenizer.ggml.model")]
    [InlineData("tokenizer.ggml.pre", "bloom", "tokenizer.ggml.pre")]
    [InlineData("tokenizer.ggml.eos_token_id", 400u, "eos_token_id")]
    [InlineData("tokenizer.ggml.token_type", new[] { 1, 1 }, "token_type")]
    public void What_is_not_understood_is_refused_by_name(string key, object value, string named)
    {
        var error = Assert.Throws<InvalidDataException>(() => Config(new TinyGguf().With(key, value)));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.Contains("model.gguf", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("blk.0.ffn_gate_exps.weight", "'blk.0.ffn_gate_exps.weight'")]
    [InlineData("blk.00.attn_q.weight", "'blk.00.attn_q.weight'")]
    [InlineData("position_embd.weight", "'position_embd.weight'")]
    [InlineData("rope_freqs.weight", "must have 4 numbers")]
    public void Tensors_that_would_make_another_model_are_refused_by_name(string name, string named) =>
        Assert.Contains(named, Assert.Throws<InvalidDataException>(() => Config(new TinyGguf().Add(name, TinyGguf.Width))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("llama.attention.causal", true)]
    [InlineData("llama.pooling_type", 3u)]
    public void What_changes_nothing_is_passed_over(string key, object value) =>
        Assert.Equal(Logits(Write(new TinyGguf())), Logits(Write(new TinyGguf().With(key, value))));

    [Fact]
    public void Biases_and_windows_are_those_of_the_architecture()
    {
        Assert.Equal("llama", Config(new TinyGguf()).Architecture.ModelType);
        var windowed = Config(new TinyGguf().With("llama.attention.sliding_window", 64u));
        Assert.Equal(("mistral", 64), (windowed.Architecture.ModelType, windowed.Form(0).Window));

        var biased = new TinyGguf();
        foreach (var layer in (int[])[0, 1])
            foreach (var (part, rows) in (ReadOnlySpan<(string, int)>)[("q", 32), ("k", 16), ("v", 16), ("output", 32)])
                biased.Add($"blk.{layer}.attn_{part}.bias", rows);
        Assert.NotEqual(Logits(Write(new TinyGguf())), Logits(Write(biased)));
        // All maps of attention have one, or none has.
        biased.Tensors.Remove("blk.1.attn_output.bias");
        Assert.Contains("layers.1.self_attn.o_proj.bias", Assert.Throws<InvalidDataException>(() => Logits(Write(biased))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tensors_beyond_the_layers_and_missing_ones_are_named()
    {
        Assert.Contains("layers.2", Assert.Throws<InvalidDataException>(() =>
            Logits(Write(new TinyGguf().Add("blk.2.attn_norm.weight", TinyGguf.Width)))).Message, StringComparison.Ordinal);
        var lacking = new TinyGguf();
        lacking.Tensors.Remove("blk.1.ffn_up.weight");
        Assert.Contains("layers.1.mlp.up_proj", Assert.Throws<InvalidDataException>(() => Logits(Write(lacking))).Message, StringComparison.Ordinal);
        lacking = new TinyGguf().Add("blk.1.ffn_up.weight", 32, TinyGguf.Width);
        Assert.Contains("[64, 32]", Assert.Throws<InvalidDataException>(() => Logits(Write(lacking))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rotary_scaling_is_read_from_metadata()
    {
        Assert.Equal(new LinearRotaryScaling(4), Config(new TinyGguf().With("llama.rope.scaling.type", "linear")
            .With("llama.rope.scaling.factor", 4f)).RotaryScaling);
        Assert.Equal(new LinearRotaryScaling(2), Config(new TinyGguf().With("llama.rope.scale_linear", 2f)).RotaryScaling);
        Assert.Equal(RotaryScaling.None, Config(new TinyGguf().With("llama.rope.scaling.type", "none").With("llama.rope.scaling.factor", 4f)).RotaryScaling);
        Assert.Equal(RotaryScaling.None, Config(new TinyGguf().With("llama.rope.scaling.factor", 0f)).RotaryScaling);
        Assert.IsType<YarnRotaryScaling>(Config(new TinyGguf().With("llama.rope.scaling.type", "yarn").With("llama.rope.scaling.factor", 4f)).RotaryScaling);
        var yarn = Json(new TinyGguf().With("llama.rope.scaling.type", "yarn").With("llama.rope.scaling.factor", 4f)
            .With("llama.rope.scaling.original_context_length", 32u)
            .With("llama.rope.scaling.yarn_beta_fast", 16f).With("llama.rope.scaling.attn_factor", 0.5f));
        Assert.Equal(
            ("yarn", 4.0, 32, 16.0, 0.5 * (0.1 * Math.Log(4) + 1)),
            (yarn.Text("rope_type"), yarn.Number("factor", 0, 9), yarn.Integer("original_max_position_embeddings", 0, 99), yarn.Number("beta_fast", 0, 99),
                yarn.Number("attention_factor", 0, 9)));
    }

    [Fact]
    public void Divisors_of_rotary_frequencies_are_read_from_their_tensor()
    {
        var tiny = new TinyGguf();
        tiny.Tensors["rope_freqs.weight"] = ([1, 1.5f, 4, 8], [4]);
        Assert.Equal([1, 1.5, 4, 8], Assert.IsType<DividedRotaryScaling>(Config(tiny).RotaryScaling).Divisors);
        Assert.Equal([2, 3, 8, 16], Assert.IsType<DividedRotaryScaling>(Config(tiny.With("llama.rope.scaling.factor", 2f)).RotaryScaling).Divisors);
        Assert.Contains("'yarn'", Assert.Throws<InvalidDataException>(() => Config(tiny.With("llama.rope.scaling.type", "yarn"))).Message,
            StringComparison.Ordinal);
        tiny.Tensors["rope_freqs.weight"] = ([1, 0, 4, 8], [4]);
        Assert.Contains("above 0", Assert.Throws<InvalidDataException>(() => Config(tiny.Without("llama.rope.scaling.type"))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_of_q_and_k_are_put_back_for_LLaMA_and_not_for_Qwen()
    {
        using var model = GgufModel.Open(Write(new TinyGguf()));
        var (name, heads, half) = ("model.layers.0.self_attn.k_proj.weight", 2, 4);
        var stored = new TinyGguf().Tensors["blk.0.attn_k.weight"].Values.Chunk(TinyGguf.Width).ToArray();
        // As the converter does it: [heads, 2, half] became [heads, half, 2].
        var expected = new List<float[]>();
        for (var head = 0; head < heads; head++)
            for (var part = 0; part < 2; part++)
                for (var pair = 0; pair < half; pair++)
                    expected.Add(stored[head * 2 * half + pair * 2 + part]);
        Assert.Equal(expected.SelectMany(row => row), model[name].ToFloats());
        Assert.Equal(expected.SelectMany(row => row), Dequantizer.ToFloats(model[name].ToMatrix()));

        var qwen = new TinyGguf();
        foreach (var key in qwen.Metadata.Keys.Where(key => key.StartsWith("llama.", StringComparison.Ordinal)).ToList())
            qwen.With($"qwen3.{key["llama.".Length..]}", qwen.Metadata[key]).Without(key);
        using var other = GgufModel.Open(Write(qwen.With("general.architecture", "qwen3")));
        Assert.Equal(stored.SelectMany(row => row), other[name].ToFloats());
    }

    [Fact]
    public void Shards_are_one_model_whichever_is_named()
    {
        var first = new TinyGguf().WriteShards(_folder.Path, 3);
        var whole = Write(new TinyGguf());
        Assert.Equal(Logits(whole), Logits(first));
        Assert.Equal(Logits(whole), Logits(first.Replace("-00001-", "-00003-", StringComparison.Ordinal)));
        Assert.Equal(SharedBackbone.FingerprintOf(new GgufFiles(whole)), SharedBackbone.FingerprintOf(new GgufFiles(first)));
    }

    [Theory]
    [InlineData("-of-", "-OF-")]
    [InlineData(".gguf", ".GGUF")]
    public void Shards_have_the_letters_that_their_names_have(string part, string other)
    {
        var first = new TinyGguf().WriteShards(_folder.Path, 2);
        foreach (var file in Directory.GetFiles(_folder.Path))
            File.Move(file, file.Replace(part, other, StringComparison.Ordinal));
        Assert.Equal(Logits(Write(new TinyGguf())), Logits(first.Replace(part, other, StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("x-00001-of-00000.gguf")]
    [InlineData("x-00000-of-00002.gguf")]
    [InlineData("x-00003-of-00002.gguf")]
    public void A_name_that_is_none_of_the_shards_is_the_file_s_own(string name)
    {
        File.WriteAllBytes(_folder.File(name), new TinyGguf().ToArray());
        Assert.Equal(Logits(Write(new TinyGguf())), Logits(_folder.File(name)));
    }

    [Theory]
    [InlineData("padding_token_id", uint.MaxValue)]
    [InlineData("padding_token_id", 320u)]
    [InlineData("unknown_token_id", -1)]
    public void Tokens_that_no_text_has_may_lie_beyond_the_vocabulary(string key, object id)
    {
        var path = Write(new TinyGguf().With($"tokenizer.ggml.{key}", id));
        Assert.Equal(Logits(Write(new TinyGguf())), Logits(path));
        Assert.DoesNotContain("pad_token", System.Text.Encoding.UTF8.GetString(new GgufFiles(path).ReadAll("tokenizer_config.json")), StringComparison.Ordinal);
    }

    [Fact]
    public void Shards_that_do_not_fit_together_are_refused()
    {
        var first = new TinyGguf().WriteShards(_folder.Path, 3);
        string Shard(int number) => first.Replace("-00001-", $"-{number:00000}-", StringComparison.Ordinal);
        File.Copy(first, _folder.File("renamed.gguf"));
        Assert.Contains("3 shards", Assert.Throws<InvalidDataException>(() => GgufModel.Open(_folder.File("renamed.gguf"))).Message, StringComparison.Ordinal);
        var second = File.ReadAllBytes(Shard(2));
        File.Copy(Shard(3), Shard(2), overwrite: true);
        Assert.Contains("split.no", Assert.Throws<InvalidDataException>(() => GgufModel.Open(first)).Message, StringComparison.Ordinal);
        File.WriteAllBytes(Shard(2), second);
        File.Delete(Shard(3));
        Assert.Contains(
            "-00003-of-00003.gguf' is not there: keep them together",
            Assert.Throws<FileNotFoundException>(() => GgufModel.Open(first)).Message, StringComparison.Ordinal);
        Assert.Throws<FileNotFoundException>(() => GgufModel.Open(_folder.File("absent.gguf")));
    }

    [Fact]
    public void A_file_that_has_changed_is_read_again()
    {
        var path = Write(new TinyGguf());
        var files = new GgufFiles(path);
        Assert.Equal(128, LlamaConfigFile.Read(files).MaxPositions);
        var before = SharedBackbone.FingerprintOf(files);
        File.WriteAllBytes(path, new TinyGguf().With("llama.context_length", 64u).With("general.name", "another length").ToArray());
        Assert.Equal(64, LlamaConfigFile.Read(files).MaxPositions);
        Assert.NotEqual(before, SharedBackbone.FingerprintOf(files));
    }

    [Fact]
    public void A_folder_in_Hugging_Face_form_made_of_it_is_the_same_model()
    {
        var tiny = new TinyGguf();
        tiny.Tensors["rope_freqs.weight"] = ([1, 1.5f, 4, 8], [4]);
        var path = Write(tiny);
        MergedFolder.WriteOf(BackboneSource.Open(path), null, _folder.File("folder"), new MergeOptions());
        Assert.Equal(Logits(path), Logits(_folder.File("folder")));
        Assert.True(File.Exists(Path.Combine(_folder.File("folder"), "tokenizer.json")));
    }

    private string Write(TinyGguf tiny)
    {
        var path = _folder.File($"{Guid.NewGuid():N}-model.gguf");
        File.WriteAllBytes(path, tiny.ToArray());
        return path;
    }

    private LlamaConfig Config(TinyGguf tiny) => LlamaConfigFile.Read(new GgufFiles(Write(tiny)));

    private Moka.Files.JsonFields Json(TinyGguf tiny) => new(
        System.Text.Json.JsonDocument.Parse(new GgufFiles(Write(tiny)).ReadAll("config.json")).RootElement.GetProperty("rope_scaling"), "config");

    private static float[] Logits(string path)
    {
        using var backend = new CpuBackend(threads: 1);
        using var backbone = LlamaBackbone.Load(backend, BackboneFiles.At(path), new QuantizationOptions(BackboneQuantization.None));
        return TinyLlama.Logits(backbone, RaggedBatch.Of([[1, 5, 9, 200, 3], [7, 8]]));
    }
}
