using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Backbones.Architectures;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Tests.Backbones;

/// <summary>What holds for every architecture: a token's state does not depend on how it came there.</summary>
public sealed class ArchitectureTests : IDisposable
{
    private readonly CpuBackend _backend = new(threads: 2);

    public static TheoryData<string> Names => [.. TinyArchitectures.Names];

    public void Dispose() => _backend.Dispose();

    [Fact]
    public void Each_is_registered_under_its_name_and_has_a_small_config_here()
    {
        Assert.Equal(Architecture.All.Count, Architecture.All.Select(architecture => architecture.ModelType).Distinct().Count());
        Assert.All(Architecture.All, architecture => Assert.Contains(TinyArchitectures.Names, name => TinyArchitectures.Of(name).Architecture == architecture));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_written_config_reads_back_equal(string name)
    {
        var config = TinyArchitectures.Of(name);
        var written = LlamaConfigFile.Write(config);
        var read = LlamaConfigFile.Parse(written, "written");

        Assert.Equal(config.LayerForms, read.LayerForms);
        Assert.Equal(config with { LayerForms = [], EosTokenIds = [] }, read with { LayerForms = [], EosTokenIds = [] });
        Assert.Equal(written, LlamaConfigFile.Write(read));
    }

    [Theory]
    [InlineData("smollm3", "\"no_rope_layers\": [1, 0]", "no_rope_layers")]
    [InlineData("smollm3", "\"no_rope_layers\": [1, 0, 2]", "no_rope_layers")]
    [InlineData("smollm3", "\"no_rope_layer_interval\": 0", "no_rope_layer_interval")]
    [InlineData("qwen2", "\"layer_types\": [\"full_attention\"]", "layer_types")]
    [InlineData("qwen2", "\"layer_types\": [\"full_attention\", \"full_attention\", \"linear_attention\"]", "layer_types")]
    [InlineData("qwen3", "\"layer_types\": [\"full_attention\", \"full_attention\", \"sliding_attention\"]", "layer_types")]
    [InlineData("qwen3", "\"use_sliding_window\": true, \"sliding_window\": 0", "sliding_window")]
    [InlineData("mistral", "\"layer_types\": [\"full_attention\", \"sliding_attention\", \"sliding_attention\"]", "layer_types")]
    [InlineData("qwen2", "\"no_rope_layers\": [1, 1, 1]", "no_rope_layers")]
    public void A_field_that_does_not_fit_is_named(string type, string fields, string named) =>
        Assert.Contains($"'{named}'", Assert.Throws<InvalidDataException>(() => Parse(type, fields)).Message, StringComparison.Ordinal);

    [Fact]
    public void What_a_config_leaves_out_is_what_transformers_takes()
    {
        Assert.Equal(4096, Parse("mistral", "\"head_dim\": 8").Form(0).Window);
        Assert.Null(Parse("mistral", "\"sliding_window\": null").Form(0).Window);
        Assert.Null(Parse("qwen2", "\"sliding_window\": 16").Form(2).Window);
        Assert.Equal(128, Parse("qwen3", "\"use_cache\": true").HeadWidth);
        var smol = Parse("smollm3", "\"num_hidden_layers\": 8");
        Assert.Equal([true, true, true, false, true, true, true, false], Enumerable.Range(0, 8).Select(layer => smol.Form(layer).HasRotary));
        Assert.True(smol.TiedHead);
        Assert.Equal(2000000, smol.RotaryBase);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Token_by_token_through_the_cache_it_computes_what_it_computes_at_once(string name)
    {
        using var backbone = TinyLlama.Frozen(_backend, TinyArchitectures.Of(name));
        using var cache = new KeyValueCache(_backend, backbone.Config, capacity: 4);
        var ids = TinyLlama.Ids(24, 1);
        var whole = TinyLlama.Logits(backbone, RaggedBatch.Of(ids));
        var options = new ForwardOptions { Cache = cache };

        var batch = cache.NextBatch();
        var span = batch.Add(ids.AsSpan(0, 3));
        var logits = new List<float>(TinyLlama.Logits(backbone, batch, options: options));
        for (var t = 3; t < ids.Length; t++)
        {
            batch = cache.NextBatch();
            span = batch.Continue(span, [ids[t]]);
            logits.AddRange(TinyLlama.Logits(backbone, batch, options: options));
        }

        AssertClose(whole, [.. logits]);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Some_rows_are_those_of_all(string name)
    {
        using var backbone = TinyLlama.Frozen(_backend, TinyArchitectures.Of(name));
        var batch = RaggedBatch.Of(TinyLlama.Ids(24, 1), TinyLlama.Ids(9, 2));
        int[] rows = [30, 4, 23, 5, 17];
        var whole = TinyLlama.Logits(backbone, batch);

        AssertClose([.. rows.SelectMany(row => whole[(row * 320)..((row + 1) * 320)])], TinyLlama.Logits(backbone, batch, rows: rows));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Answers_that_share_a_prompt_score_as_alone(string name)
    {
        using var backbone = TinyLlama.Frozen(_backend, TinyArchitectures.Of(name));
        var scorer = new LikelihoodScorer(backbone, null);
        var prompt = TinyLlama.Ids(13, 3);
        int[][] answers = [TinyLlama.Ids(9, 4), TinyLlama.Ids(2, 5), TinyLlama.Ids(12, 6)];

        var together = scorer.Score([new ScoringRow(prompt, answers, false)])[0];

        for (var i = 0; i < answers.Length; i++)
            Assert.Equal(scorer.Score([new ScoringRow(prompt, [answers[i]], false)])[0][0], together[i], 1e-4);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_row_does_not_depend_on_the_others_of_its_batch(string name)
    {
        using var backbone = TinyLlama.Frozen(_backend, TinyArchitectures.Of(name));
        // Beyond the positions of a dynamic rope, which then depends on the length.
        var longest = name == "llama-dynamic" ? 150 : 30;
        var (first, second) = (TinyLlama.Ids(longest, 1), TinyLlama.Ids(11, 2));
        float[] alone = [.. TinyLlama.Logits(backbone, RaggedBatch.Of(first)), .. TinyLlama.Logits(backbone, RaggedBatch.Of(second))];

        Assert.Equal(alone, TinyLlama.Logits(backbone, RaggedBatch.Of(first, second)));
    }

    /// <summary>Against the reference in double precision, by the difference of two losses.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Every_weight_has_a_gradient_and_it_is_the_slope_of_the_loss(string name)
    {
        const float Step = 1e-3f;
        using var reference = new ReferenceBackend();
        using var backbone = TinyLlama.Trainable(reference, TinyArchitectures.Of(name));
        int[][] sequences = [TinyLlama.Ids(12, 1), TinyLlama.Ids(5, 2)];
        TinyLlama.Losses(backbone, sequences);
        var vectors = TensorNames.Vectors(backbone.Config).Select(vector => vector.Name);
        string[] expected = [.. vectors, .. backbone.Config.LinearMaps.Select(TensorNames.Of), TensorNames.Embedding];
        Assert.Equal(expected.Order(StringComparer.Ordinal), backbone.Parameters.Select(parameter => parameter.Name).Order(StringComparer.Ordinal));
        foreach (var parameter in backbone.Parameters.Where(
            parameter => parameter.Value.Columns == 1 || parameter.Name.Contains("layers.1.self_attn", StringComparison.Ordinal)))
        {
            var (values, gradient) = (TinyLlama.Download(reference, parameter.Value), TinyLlama.Download(reference, parameter.Gradient));
            var at = Array.IndexOf(gradient, gradient.MaxBy(MathF.Abs));
            double Loss(float change)
            {
                var moved = (float[])values.Clone();
                moved[at] += change;
                using var tensor = reference.Upload(TensorKind.Parameter, moved, parameter.Value.Rows, parameter.Value.Columns);
                reference.Copy(tensor, parameter.Value);
                using var tape = new Tape(reference, recording: false);
                var hidden = backbone.Forward(tape, RaggedBatch.Of(sequences.Select(ids => ids[..^1])));
                using var targets = reference.Upload([.. sequences.SelectMany(ids => ids[1..])]);
                using var losses = backbone.TokenLosses(tape, hidden, targets);
                return TinyLlama.Download(reference, losses).Average(loss => (double)loss);
            }
            // A bias of the keys moves all scores of a query alike, and changes nothing where a rope does not turn it: its gradient is nothing.
            var slope = (Loss(Step) - Loss(-Step)) / (2 * Step);
            Loss(0);
            Assert.Equal(slope, gradient[at], 2e-3 * Math.Max(0.1, Math.Abs(slope)));
        }
        Assert.All(
            backbone.Parameters.Where(parameter => !parameter.Name.EndsWith("k_proj.bias", StringComparison.Ordinal)),
            parameter => Assert.Contains(TinyLlama.Download(reference, parameter.Gradient), value => value != 0));
    }

    [Fact]
    public void A_window_costs_what_it_covers()
    {
        const int Tokens = 4096, Window = 64;
        var layouts = new LayerLayouts(RaggedBatch.Of(new int[Tokens]).Layout);
        Assert.Same(layouts.For(Window), layouts.For(Window));

        Assert.InRange(Seen(layouts.For(Window)), (long)Tokens * Window / 2, (long)Tokens * Window * 3 / 2);
        Assert.Equal((long)Tokens * (Tokens + 1) / 2, Seen(layouts.For(null)));
        // A text that fits the window is computed as if there were none.
        Assert.Same(layouts.For(null).Spans[0], layouts.For(Tokens).Spans[0]);

        static long Seen(AttentionLayout layout) =>
            layout.Spans.Sum(span => (long)span.Length * span.ContextLength + (long)span.Length * (span.Length + 1) / 2);
    }

    [Theory]
    [InlineData("model.layers.0.self_attn.q_norm.weight", "no such norm")]
    [InlineData("model.layers.0.self_attn.q_proj.lora_A.weight", "adapter")]
    [InlineData("model.layers.1.self_attn.qkv_proj.weight", "fused")]
    [InlineData("model.layers.1.self_attn.q_proj.bias", "no bias")]
    [InlineData("model.layers.3.input_layernorm.weight", "num_hidden_layers")]
    [InlineData("model.layers.0.mlp.up_proj.qweight", "GPTQ")]
    [InlineData("model.layers.00.input_layernorm.weight", "left out")]
    [InlineData("score.weight", "classifies by a head")]
    public void A_tensor_that_would_be_left_out_is_refused_with_what_to_do(string tensor, string advice)
    {
        var error = Assert.Throws<InvalidDataException>(() => Load("llama", Tensors("llama").Append(SafetensorsTensor.Of(tensor, new float[32], 32))));
        Assert.Contains($"'{tensor}'", error.Message, StringComparison.Ordinal);
        Assert.Contains(advice, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_table_that_is_computed_here_is_passed_over() =>
        Load("llama", Tensors("llama").Append(SafetensorsTensor.Of("model.layers.0.self_attn.rotary_emb.inv_freq", new float[4], 4))).Dispose();

    [Theory]
    [InlineData("qwen2", "model.layers.1.self_attn.k_proj.bias")]
    [InlineData("qwen3", "model.layers.0.self_attn.q_norm.weight")]
    public void A_missing_part_is_named(string name, string tensor) =>
        Assert.Contains(
            $"'{tensor}'", Assert.Throws<InvalidDataException>(() => Load(name, Tensors(name).Where(t => t.Name != tensor))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("model.embed_tokens.weight", float.NaN)]
    [InlineData("model.layers.2.mlp.down_proj.weight", float.PositiveInfinity)]
    [InlineData("model.layers.1.post_attention_layernorm.weight", float.NaN)]
    [InlineData("model.layers.1.self_attn.k_proj.bias", float.NegativeInfinity)]
    public void A_value_that_is_no_number_is_named_at_loading(string name, float value)
    {
        foreach (var kind in Enum.GetValues<BackboneQuantization>())
        {
            var tensors = Tensors("qwen2").Select(tensor => tensor.Name == name ? Damaged(tensor) : tensor);
            Assert.Contains($"'{name}'", Assert.Throws<InvalidDataException>(() => Load("qwen2", tensors, kind)).Message, StringComparison.Ordinal);
        }

        SafetensorsTensor Damaged(SafetensorsTensor tensor)
        {
            var values = tensor.ToFloats();
            values[values.Length / 2] = value;
            return SafetensorsTensor.Of(tensor.Name, values, [.. tensor.Shape]);
        }
    }

    [Theory]
    [InlineData("the input of the head", 3e38f, "model.norm.weight")]
    [InlineData("the input of model.layers.0.self_attn.o_proj", 1e25f, "model.layers.0.self_attn.q_proj.weight", "model.layers.0.self_attn.k_proj.weight")]
    [InlineData("the output of model.layers.1.self_attn.v_proj", 1e25f, "model.layers.1.self_attn.v_proj.weight", "model.layers.1.input_layernorm.weight")]
    [InlineData("the input of model.layers.1.mlp.down_proj", 1e25f, "model.layers.1.mlp.gate_proj.weight", "model.layers.1.mlp.up_proj.weight")]
    public void A_score_that_is_no_number_is_none_and_says_where_it_overflowed(string place, float value, params string[] huge)
    {
        var tensors = Tensors("llama").Select(tensor => huge.Contains(tensor.Name) ? Huge(tensor, value) : tensor);
        using var backbone = Load("llama", tensors);

        var error = Assert.Throws<InvalidOperationException>(() => new LikelihoodScorer(backbone, null).Score([new ScoringRow([1, 2], [[3], [4]], false)]));
        Assert.StartsWith($"The scores are not finite: {place} is the first that overflows", error.Message, StringComparison.Ordinal);

        static SafetensorsTensor Huge(SafetensorsTensor tensor, float value) =>
            SafetensorsTensor.Of(tensor.Name, [.. tensor.ToFloats().Select(old => old < 0 ? -value : value)], [.. tensor.Shape]);
    }

    [Fact]
    public void An_adapter_that_overflows_is_named_by_its_map()
    {
        using var backbone = Load("llama", Tensors("llama"));
        using var adapters = backbone.CreateAdapters(new LoraAdapter { Rank = 2, TargetModules = ["up_proj"] }, seed: 1);
        foreach (var parameter in adapters.Parameters.Where(parameter => parameter.Name.Contains("layers.1.", StringComparison.Ordinal)))
        {
            var values = new float[parameter.Value.Length];
            Array.Fill(values, 1e30f);
            using var huge = backbone.Backend.Upload(TensorKind.Parameter, values, parameter.Value.Rows, parameter.Value.Columns);
            backbone.Backend.Copy(huge, parameter.Value);
        }

        var error = Assert.Throws<InvalidOperationException>(
            () => new LikelihoodScorer(backbone, adapters).Score([new ScoringRow([1, 2], [[3], [4]], false)]));
        Assert.Contains("the output of model.layers.1.mlp.up_proj is the first that overflows, while ", error.Message, StringComparison.Ordinal);
        var vector = Assert.Throws<InvalidOperationException>(() => new TextStates(backbone, adapters).Mean([[1, 2, 3]]));
        Assert.StartsWith("The embedding is not finite: the output of model.layers.1.mlp.up_proj is", vector.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_head_that_differs_from_the_embedding_counts_whatever_the_config_says()
    {
        var tensors = Tensors("llama").ToList();
        var embedding = tensors.Single(tensor => tensor.Name == TensorNames.Embedding);
        var head = SafetensorsTensor.Of(TensorNames.Head, [.. embedding.ToFloats().Select(value => -2 * value)], 320, 32);
        using var tied = Load("llama", tensors);
        using var same = Load("llama", tensors.Append(embedding with { Name = TensorNames.Head }));
        using var apart = Load("llama", tensors.Append(head));
        var batch = RaggedBatch.Of(TinyLlama.Ids(7, 1));
        var expected = TinyLlama.Logits(tied, batch);

        Assert.Equal(expected, TinyLlama.Logits(same, batch));
        Assert.Equal([.. expected.Select(logit => -2 * logit)], TinyLlama.Logits(apart, batch));
    }

    private static LlamaConfig Parse(string type, string fields) => LlamaConfigFile.Parse(System.Text.Encoding.UTF8.GetBytes($$"""
        {
          "model_type": "{{type}}", "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 320,
          {{(fields.Contains("num_hidden_layers", StringComparison.Ordinal) ? "" : "\"num_hidden_layers\": 3,")}} {{fields}}
        }
        """), type);

    private static IEnumerable<SafetensorsTensor> Tensors(string name) => BackboneTensors.From(TinyArchitectures.Of(name), TinyLlama.Weights);

    private LlamaBackbone Load(string name, IEnumerable<SafetensorsTensor> tensors, BackboneQuantization quantization = BackboneQuantization.None) =>
        LlamaBackbone.Load(
            _backend,
            new MemoryFiles("memory", new Dictionary<string, byte[]>
            {
                ["config.json"] = LlamaConfigFile.Write(TinyArchitectures.Of(name)),
                ["model.safetensors"] = SafetensorsWriter.ToBytes(tensors),
            }),
            new QuantizationOptions(quantization));

    private static void AssertClose(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.Equal(0, expected.Zip(actual, (e, a) => Math.Abs(e - a)).Max(), 1e-4 * expected.Max(MathF.Abs));
    }
}
