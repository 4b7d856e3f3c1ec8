using System.Text;
using System.Text.RegularExpressions;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;

namespace Microsoft.ML.Moka.Tests.Backbones;

public sealed class LlamaConfigFileTests
{
    private const string Llama31 = """
        {
          "model_type": "llama", "hidden_act": "silu", "attention_bias": false, "mlp_bias": false,
          "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
          "vocab_size": 128256, "max_position_embeddings": 131072, "rms_norm_eps": 1e-05, "rope_theta": 500000.0, "tie_word_embeddings": true,
          "rope_scaling": { "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192, "rope_type": "llama3" },
          "bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009]
        }
        """;

    [Fact]
    public void All_fields_are_read()
    {
        var config = Parse(Llama31);

        Assert.Equal(4096, config.HiddenSize);
        Assert.Equal(14336, config.IntermediateSize);
        Assert.Equal(32, config.LayerCount);
        Assert.Equal((32, 8, 128), (config.QueryHeads, config.KeyValueHeads, config.HeadWidth));
        Assert.Equal(128256, config.VocabularySize);
        Assert.Equal(131072, config.MaxPositions);
        Assert.Equal(1e-5f, config.RmsNormEpsilon);
        Assert.Equal(500000, config.RotaryBase);
        Assert.Equal(new Llama3RotaryScaling(8, 1, 4, 8192), config.RotaryScaling);
        Assert.True(config.TiedHead);
        Assert.Equal(128000, config.BosTokenId);
        Assert.Equal([128001, 128008, 128009], config.EosTokenIds);
    }

    [Fact]
    public void What_older_files_leave_out_has_LLaMAs_defaults()
    {
        var config = Parse("""{"model_type":"llama","hidden_size":64,"intermediate_size":96,"num_hidden_layers":1,"num_attention_heads":4,"vocab_size":100}""");

        Assert.Equal((4, 4, 16), (config.QueryHeads, config.KeyValueHeads, config.HeadWidth));
        Assert.Equal(1e-6f, config.RmsNormEpsilon);
        Assert.Equal(10000, config.RotaryBase);
        Assert.Equal(RotaryScaling.None, config.RotaryScaling);
        Assert.False(config.TiedHead);
        Assert.Null(config.BosTokenId);
        Assert.Empty(config.EosTokenIds);
    }

    [Fact]
    public void The_newer_spelling_of_the_rotary_fields_means_the_same()
    {
        var newer = Regex.Replace(Llama31, "\"rope_theta\": 500000.0,", "")
            .Replace("\"rope_scaling\": {", "\"rope_parameters\": { \"rope_theta\": 500000.0,", StringComparison.Ordinal);

        Assert.Equal(Parse(Llama31).RotaryScaling, Parse(newer).RotaryScaling);
        Assert.Equal(500000, Parse(newer).RotaryBase);
    }

    [Theory]
    [InlineData("\"model_type\": \"llama\"", "\"model_type\": \"gemma\"", "model_type")]
    [InlineData("\"hidden_act\": \"silu\"", "\"hidden_act\": \"gelu\"", "hidden_act")]
    [InlineData("\"attention_bias\": false", "\"attention_bias\": 1", "attention_bias")]
    [InlineData("\"vocab_size\"", "\"attention_multiplier\": 0.01, \"vocab_size\"", "attention_multiplier")]
    [InlineData("\"vocab_size\"", "\"logits_scaling\": 8, \"vocab_size\"", "logits_scaling")]
    [InlineData("\"vocab_size\"", "\"partial_rotary_factor\": 0.5, \"vocab_size\"", "partial_rotary_factor")]
    [InlineData("\"vocab_size\"", "\"sliding_window\": 4096, \"vocab_size\"", "sliding_window")]
    [InlineData("\"vocab_size\"", "\"num_local_experts\": 8, \"vocab_size\"", "num_local_experts")]
    [InlineData("\"vocab_size\"", "\"rope_interleaved\": true, \"vocab_size\"", "rope_interleaved")]
    [InlineData("\"vocab_size\"", "\"quantization_config\": { \"quant_method\": \"gptq\" }, \"vocab_size\"", "quantization_config.quant_method")]
    [InlineData("\"rope_type\": \"llama3\"", "\"rope_type\": \"llama3\", \"short_factor\": [1]", "rope_scaling.short_factor")]
    [InlineData("\"rope_type\": \"llama3\"", "\"rope_type\": \"llama3\", \"rope_theta\": 10000", "rope_scaling.rope_theta")]
    [InlineData("\"rope_scaling\"", "\"rope_parameters\": { \"rope_type\": \"default\" }, \"rope_scaling\"", "rope_scaling")]
    [InlineData("\"rope_type\": \"llama3\"", "\"rope_type\": \"llama3\", \"type\": \"linear\"", "rope_scaling.type")]
    [InlineData("\"vocab_size\"", "\"is_causal\": false, \"vocab_size\"", "is_causal")]
    [InlineData("\"vocab_size\"", "\"use_rope\": false, \"vocab_size\"", "use_rope")]
    [InlineData("\"vocab_size\"", "\"quantization\": { \"group_size\": 64, \"bits\": 4 }, \"vocab_size\"", "quantization")]
    [InlineData("\"mlp_bias\": false", "\"mlp_bias\": 1", "mlp_bias")]
    [InlineData("\"hidden_size\": 4096,", "", "hidden_size")]
    [InlineData("\"hidden_size\": 4096", "\"hidden_size\": 4100", "num_attention_heads")]
    [InlineData("\"hidden_size\": 4096", "\"hidden_size\": \"4096\"", "hidden_size")]
    [InlineData("\"num_hidden_layers\": 32", "\"num_hidden_layers\": 2000000000", "num_hidden_layers")]
    [InlineData("\"vocab_size\": 128256", "\"vocab_size\": -1", "vocab_size")]
    [InlineData("\"vocab_size\": 128256", "\"vocab_size\": 1e30", "vocab_size")]
    [InlineData("\"intermediate_size\": 14336", "\"intermediate_size\": 14336.5", "intermediate_size")]
    [InlineData("\"num_key_value_heads\": 8", "\"num_key_value_heads\": 7", "num_key_value_heads")]
    [InlineData("\"num_key_value_heads\": 8", "\"num_key_value_heads\": 64", "num_key_value_heads")]
    [InlineData("\"vocab_size\"", "\"head_dim\": 127, \"vocab_size\"", "head_dim")]
    [InlineData("\"rms_norm_eps\": 1e-05", "\"rms_norm_eps\": 0", "rms_norm_eps")]
    [InlineData("\"rope_theta\": 500000.0", "\"rope_theta\": [1]", "rope_theta")]
    [InlineData("\"rope_type\": \"llama3\"", "\"rope_type\": \"ntk\"", "rope_scaling.rope_type")]
    [InlineData("\"rope_type\": \"llama3\"", "\"rope_type\": \"yarn\"", "rope_scaling.low_freq_factor")]
    [InlineData("\"high_freq_factor\": 4.0", "\"high_freq_factor\": 1.0", "rope_scaling.high_freq_factor")]
    [InlineData("\"eos_token_id\": [128001,", "\"eos_token_id\": [-1,", "eos_token_id")]
    [InlineData("\"tie_word_embeddings\": true", "\"tie_word_embeddings\": \"yes\"", "tie_word_embeddings")]
    public void A_wrong_field_is_named_with_its_file(string text, string replacement, string field)
    {
        var error = Assert.Throws<InvalidDataException>(() => Parse(Llama31.Replace(text, replacement, StringComparison.Ordinal)));

        Assert.Contains("folder: config.json", error.Message);
        Assert.Contains($"'{field}'", error.Message);
    }

    [Theory]
    [InlineData("\"attention_multiplier\": 0.08838834764831845")]
    [InlineData("\"logits_scaling\": 1.0, \"partial_rotary_factor\": 1")]
    [InlineData("\"is_causal\": true, \"use_rope\": null")]
    [InlineData("\"sliding_window\": null, \"num_experts\": false, \"mup\": {}, \"layers_of_something\": []")]
    [InlineData("\"transformers.js_config\": { \"dtype\": \"q4\" }, \"rope_interleaved\": false, \"is_llama_config\": true, \"_name_or_path\": \"x\"")]
    public void A_field_that_changes_nothing_is_passed_over(string field)
    {
        var config = Parse(Llama31.Replace("\"vocab_size\"", $"{field}, \"vocab_size\"", StringComparison.Ordinal));
        Assert.Equal(Parse(Llama31) with { EosTokenIds = [] }, config with { EosTokenIds = [] });
    }

    [Theory]
    [InlineData("qwen2", "\"use_sliding_window\": true", 4096)]
    [InlineData("qwen3", "\"use_sliding_window\": true", 4096)]
    [InlineData("qwen2", "\"use_sliding_window\": true, \"sliding_window\": null", null)]
    [InlineData("qwen2", "\"use_sliding_window\": true, \"sliding_window\": 7", 7)]
    [InlineData("qwen2", "\"use_sliding_window\": false, \"sliding_window\": 0", null)]
    [InlineData("smollm3", "\"use_sliding_window\": true", null)]
    [InlineData("mistral", "\"tie_word_embeddings\": false", 4096)]
    public void A_window_that_is_used_and_has_no_size_has_that_of_transformers(string type, string fields, int? window)
    {
        var config = Parse($$"""
            {
              "model_type": "{{type}}", {{fields}}, "max_window_layers": 1, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 4,
              "num_attention_heads": 4, "vocab_size": 100
            }
            """.Replace(type == "mistral" ? "\"max_window_layers\": 1, " : "\0", "", StringComparison.Ordinal));
        Assert.Equal(window, config.Form(3).Window);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{\"model_type\": \"llama\",")]
    [InlineData("{\"model_type\": \"llama\", \"model_type\": \"llama\"}")]
    public void A_damaged_file_is_refused_by_name(string json) =>
        Assert.Contains("folder: config.json", Assert.Throws<InvalidDataException>(() => Parse(json)).Message);

    [Fact]
    public void A_folder_without_config_is_refused() =>
        Assert.Contains("config.json", Assert.Throws<FileNotFoundException>(
            () => LlamaConfigFile.Read(new MemoryFiles("folder", new Dictionary<string, byte[]>()))).Message);

    [Fact]
    public void An_adapters_folder_in_the_place_of_a_backbones_is_said() =>
        Assert.Contains("is the folder of an adapter, not of a backbone", Assert.Throws<FileNotFoundException>(
            () => LlamaConfigFile.Read(new MemoryFiles("folder", new Dictionary<string, byte[]> { ["adapter_config.json"] = [] }))).Message);

    [Fact]
    public void A_written_config_reads_back_equal()
    {
        RotaryScaling[] scalings =
        [
            RotaryScaling.None, new LinearRotaryScaling(4), new Llama3RotaryScaling(8, 1, 4, 8192), new DynamicRotaryScaling(2, 131072),
            new YarnRotaryScaling(4, 8192) { FastTurns = 16, Amplitude = 1.5 },
        ];
        foreach (var scaling in scalings)
        {
            var config = Parse(Llama31) with { RotaryScaling = scaling, HeadWidth = 64 };
            var read = LlamaConfigFile.Parse(LlamaConfigFile.Write(config), "written");

            Assert.Equal(config.EosTokenIds, read.EosTokenIds);
            Assert.Equal(config, read with { EosTokenIds = config.EosTokenIds });
        }
    }

    [Theory]
    [Trait("Category", "Material")]
    [MemberData(nameof(MaterialConfigs))]
    public void Published_configs_have_the_published_tensor_shapes(string configFile, string shapesFile)
    {
        var config = LlamaConfigFile.Parse(File.ReadAllBytes(Material.Require($"configs/{configFile}")), configFile);
        var published = Regex.Matches(File.ReadAllText(Material.Require($"configs/{shapesFile}")), @"(\S+) shape: \[([0-9, ]+)\]")
            .ToDictionary(match => match.Groups[1].Value, match => match.Groups[2].Value);
        var maps = config.LinearMaps.ToDictionary(map => $"{map.Name}.weight", map => $"{map.Rows}, {map.Columns}");

        Assert.Equal(7 * config.LayerCount, maps.Count);
        Assert.All(maps, map => Assert.Equal(map.Value, published[map.Key]));
        Assert.Equal($"{config.VocabularySize}, {config.HiddenSize}", published["model.embed_tokens.weight"]);
        Assert.Equal(published.Values.Sum(shape => shape.Split(", ").Aggregate(1L, (product, size) => product * int.Parse(size)))
            - (config.TiedHead && published.ContainsKey("lm_head.weight") ? (long)config.VocabularySize * config.HiddenSize : 0), config.ParameterCount);
    }

    public static TheoryData<string, string> MaterialConfigs => new()
    {
        { "meta-llama-3.1-8B-Instruct.config.json", "Llama_3_1_8b_ShapeTest.approved.txt" },
        { "meta-llama-3.2-1B-Instruct.config.json", "Llama_3_2_1b_ShapeTest.approved.txt" },
    };

    private static LlamaConfig Parse(string json) => LlamaConfigFile.Read(
        new MemoryFiles("folder", new Dictionary<string, byte[]> { ["config.json"] = Encoding.UTF8.GetBytes(json) }));
}
